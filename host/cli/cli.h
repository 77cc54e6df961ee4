/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The berth command.
 */
#ifndef HOST_CLI_CLI_H
#define HOST_CLI_CLI_H

/* Exit statuses. */
#define CLI_OK 0
#define CLI_FAILED 1 /* what was asked for could not be done */
#define CLI_USAGE 2  /* the command line is wrong */

int cli_main(int argc, char **argv);

#endif
