/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands of berth-abi. Each is given its own arguments and returns the exit status.
 */
#ifndef KIT_COMMANDS_H
#define KIT_COMMANDS_H

#define KIT_EXIT_OK 0
#define KIT_EXIT_FAILED 1
#define KIT_EXIT_MISUSE 2

int kit_command_check(int argc, char **argv);
int kit_command_inspect(int argc, char **argv);
int kit_command_dump(int argc, char **argv);

#endif
