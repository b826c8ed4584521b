// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/ports.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "vmm/x86/layout.h"

enum { /* 16550D: registers, and the bits that we know */
       UART_DATA = 0,
       UART_INTERRUPT_ENABLE = 1,
       UART_INTERRUPT_ID = 2,
       UART_LINE_CONTROL = 3,
       UART_MODEM_CONTROL = 4,
       UART_LINE_STATUS = 5,
       UART_MODEM_STATUS = 6,
       UART_SCRATCH = 7,
       UART_COUNT = 8,
       LINE_CONTROL_DIVISOR = 0x80,
       MODEM_CONTROL_LOOPBACK = 0x10,
       NO_INTERRUPT = 0x01,
       TRANSMITTER_EMPTY = 0x60,
       MODEM_READY = 0xb0, /* carrier, ready, clear to send */
};

void ports_init(struct ports *p, int serial_fd)
{
    *p = (struct ports){.serial_fd = serial_fd};
    (void)pthread_mutex_init(&p->lock, NULL); /* default attributes: cannot fail */
}

static uint8_t read_uart(const struct ports *p, unsigned offset)
{
    bool divisor = (p->line_control & LINE_CONTROL_DIVISOR) != 0;
    switch (offset) {
    case UART_DATA:
        return divisor ? p->divisor[0] : 0;
    case UART_INTERRUPT_ENABLE:
        return divisor ? p->divisor[1] : p->interrupt_enable;
    case UART_INTERRUPT_ID:
        return NO_INTERRUPT;
    case UART_LINE_CONTROL:
        return p->line_control;
    case UART_MODEM_CONTROL:
        return p->modem_control;
    case UART_LINE_STATUS:
        return TRANSMITTER_EMPTY;
    case UART_MODEM_STATUS:
        /* In loopback the outputs are the inputs: how a driver finds out that there is a UART. */
        return p->modem_control & MODEM_CONTROL_LOOPBACK ? (uint8_t)((p->modem_control & 0xf) << 4)
                                                         : MODEM_READY;
    default:
        return p->scratch;
    }
}

static void write_uart(struct ports *p, unsigned offset, uint8_t value)
{
    bool divisor = (p->line_control & LINE_CONTROL_DIVISOR) != 0;
    switch (offset) {
    case UART_DATA:
        if (divisor) {
            p->divisor[0] = value;
        } else if (p->serial_fd >= 0 && !(p->modem_control & MODEM_CONTROL_LOOPBACK)) {
            IGNORE(write(p->serial_fd, &value, 1) < 0); /* nobody listens: as on any line */
        }
        break;
    case UART_INTERRUPT_ENABLE:
        *(divisor ? &p->divisor[1] : &p->interrupt_enable) = value & 0xf;
        break;
    case UART_LINE_CONTROL:
        p->line_control = value;
        break;
    case UART_MODEM_CONTROL:
        p->modem_control = value & 0x1f;
        break;
    case UART_SCRATCH:
        p->scratch = value;
        break;
    default:
        break;
    }
}

void ports_read(struct ports *p, uint16_t port, uint8_t *to, unsigned len)
{
    memset(to, 0xff, len);
    (void)pthread_mutex_lock(&p->lock);
    if (port >= PORT_SERIAL && port < PORT_SERIAL + UART_COUNT && len == 1) {
        *to = read_uart(p, port - PORT_SERIAL);
    } else if (port == PORT_CMOS_DATA || port == PORT_CMOS_INDEX || port == PORT_SLEEP_STATUS) {
        memset(to, 0, len); /* all ones would be a clock that is for ever being set */
    }
    (void)pthread_mutex_unlock(&p->lock);
}

enum port_result ports_write(struct ports *p, uint16_t port, const uint8_t *from, unsigned len)
{
    if (len != 1) {
        return PORT_CONTINUE;
    }
    if (port == PORT_RESET && *from == RESET_VALUE) {
        return PORT_RESET_MACHINE;
    }
    if (port == PORT_SLEEP_CONTROL && (*from & SLEEP_ENABLE)) {
        return PORT_POWER_OFF; /* our DSDT names S5 alone */
    }
    if (port >= PORT_SERIAL && port < PORT_SERIAL + UART_COUNT) {
        (void)pthread_mutex_lock(&p->lock);
        write_uart(p, port - PORT_SERIAL, *from);
        (void)pthread_mutex_unlock(&p->lock);
    }
    return PORT_CONTINUE;
}
