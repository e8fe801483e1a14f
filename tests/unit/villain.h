/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A link worker that a server has taken over: what it tries, and reports. */
#pragma once

#define SERVER 5 /* a worker's descriptor for its connection */

/* Adds a word of what it achieved; room for half an error's text. */
void tell(char *told, const char *what);

/* System calls by other numbers than this architecture's. */
void call_i386(char *told);
void call_x32(char *told);

/* Each system call that would reach beyond the sandbox; tells those that the sandbox let
 * out.
 */
void call_kernel(char *told);

/* What kernel TLS needs, which the sandbox must let pass; tells what it refused. */
void use_encryption(char *told);

/*
 * The same for a connector, which a name server has taken over; and what the modules of
 * name services do: tells what they could not.
 */
void call_for_names(char *told);
void use_names(char *told);

/* Takes all the memory it gets; tells if that is more than a server may cost. */
void hoard(char *told);
