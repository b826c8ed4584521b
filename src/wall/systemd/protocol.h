// SPDX-License-Identifier: Apache-2.0
/* What the wall and cloison-systemd, the program that speaks to systemd, say to each other.
 *
 * The program is executed with one end of a SOCK_SEQPACKET socket as descriptor 0. Each request is
 * one message, one JSON object; so is each answer: {} or an error (base/error_json.h). The end of
 * the socket is the program's end.
 *     {"verb": "start", "unit", "slice", "group", "description", "properties"}
 *         makes the scope with the program itself in it, as a scope is never empty, and answers
 *         when the cgroup is there, which must be `group` below the hierarchy's root. The program
 *         stays in it until its end: by then the workload has moved in.
 *     {"verb": "set", "unit", "properties"}   changes them, until the scope's end
 *     {"verb": "stop", "unit"}                answers when the unit is gone; a missing one is fine
 * "properties" is a list of [name, signature, value]: the signature is D-Bus's, with the types
 * b y n q i u x t d s o g a and (…); of the value in JSON, lists are arrays and structs alike, and
 * an integer below zero stands for its two's complement where the type has no sign (-1 as "t" is
 * systemd's infinity).
 *
 * Specification: man 5 org.freedesktop.systemd1, "StartTransientUnit()". */
#pragma once

#define SYSTEMD_PROGRAM "cloison-systemd"
#define SYSTEMD_MESSAGE_MAX 131072 /* below the 208 KiB that a socket takes by default */
