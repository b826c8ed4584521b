// SPDX-License-Identifier: Apache-2.0
/* The machine's I/O ports: a UART for the kernel's first words, sleep, reset, and the few that a
 * kernel touches though ACPI says that nothing is there.
 *
 * Called by vCPU threads; one lock for all. The UART is polled and has no interrupt: it is for
 * printk, a terminal is the virtio console's. Spec: 16550D data sheet; ACPI 6.5 §4.8.3.6-7. */
#pragma once

#include <pthread.h>
#include <stdint.h>

enum port_result { PORT_CONTINUE, PORT_POWER_OFF, PORT_RESET_MACHINE };

struct ports {
    pthread_mutex_t lock;
    int serial_fd; /* what the UART sends goes here; -1: nowhere */
    uint8_t line_control, divisor[2], scratch, interrupt_enable, modem_control;
};

void ports_init(struct ports *p, int serial_fd);
/* `len` is 1, 2 or 4. Unknown ports read as all ones, as an empty bus does. */
void ports_read(struct ports *p, uint16_t port, uint8_t *to, unsigned len);
enum port_result ports_write(struct ports *p, uint16_t port, const uint8_t *from, unsigned len);
