// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci exec`: another process in a container. */
#include "oci/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/file.h"
#include "engine/terminal.h"
#include "oci/container.h"
#include "oci/handover.h"
#include "oci/launch.h"

/* What is open while an exec is under way. */
struct execution {
    const struct exec_options *options;
    int console; /* the caller's socket, or -1 */
    struct terminal terminal;
    struct error *handover_error;
};

static void take_console(void *context, int master)
{
    struct execution *x = context;
    if (x->console < 0) {
        x->terminal.master = master;
        return;
    }
    IGNORE(handover_send(x->console, "/dev/ptmx", master, &x->handover_error)); /* told later */
    fd_close(master);
}

static int check_status(const struct oci_container *c, const struct exec_options *o,
                        struct error **err)
{
    if (c->status == OCI_STOPPED || c->status == OCI_CREATING) {
        return error_set(err, ERROR_BUSY, 0,
                         "cannot exec in a %s container: '%s' (container not "
                         "running)",
                         oci_status_name(c->status), c->id);
    }
    if (c->status == OCI_PAUSED && !o->ignore_paused) {
        return error_set(err, ERROR_BUSY, 0,
                         "cannot exec in a paused container (use --ignore-paused to override)");
    }
    return 0;
}

static int check_terminal(const struct exec_options *o, const struct spec_process *p,
                          struct error **err)
{
    if (o->detach && p->terminal && !o->console_socket) {
        return error_set(err, ERROR_USAGE, 0,
                         "cannot allocate tty if %s will detach without setting console socket",
                         error_program());
    }
    if (o->console_socket && (!o->detach || !p->terminal)) {
        return error_set(err, ERROR_USAGE, 0,
                         "cannot use console socket if %s will not detach or allocate tty",
                         error_program());
    }
    return 0;
}

static int hand_over(struct execution *x, pid_t pid, struct error **err)
{
    const struct exec_options *o = x->options;
    int r = 0;
    if (x->handover_error) {
        return error_move(err, &x->handover_error, -EPIPE);
    }
    if (o->pidfd_socket) {
        r = handover_pidfd(o->pidfd_socket, pid, err);
    }
    return r >= 0 && o->pid_file ? handover_pid_file(o->pid_file, pid, err) : r;
}

static int serve(struct execution *x, pid_t pid, struct error **err)
{
    int status = 0;
    int r = hand_over(x, pid, err);
    if (r < 0) {
        (void)kill(pid, SIGKILL); /* a child of ours, not waited for */
        (void)waitpid(pid, NULL, 0);
        return r;
    }
    if (x->options->detach) {
        return 0;
    }
    x->terminal.pid = pid;
    r = terminal_serve(&x->terminal, &status, err);
    if (r < 0) {
        return r;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int exec_in(struct oci_container *c, struct execution *x, const struct spec_process *p,
                   int preserved, struct error **err)
{
    const struct wall_exec exec = {
        .process = p,
        .io = {0, 1, 2},
        .console = take_console,
        .context = x,
        .cgroups = &x->options->cgroup,
        .preserve_fd_count = preserved,
        .ignore_paused = x->options->ignore_paused,
    };
    pid_t pid = 0;
    int r = c->oci->wall->exec(c->workload, &exec, &pid, err);
    return r < 0 ? r : serve(x, pid, err);
}

static int execute(struct oci_container *c, struct execution *x, int argc, char **argv,
                   struct error **err)
{
    const struct exec_options *o = x->options;
    CLEANUP(spec) struct spec *spec = NULL;
    struct spec_process p = {0};
    int preserved = 0;
    int r = exec_process(c, o, argc, argv, &spec, &p, err);
    if (r >= 0) {
        CLEANUP(free) char *root = str_format("/proc/%d/root", c->pid);
        CLEANUP(fd) int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        launch_set_home(spec->arena, root_fd, &p);
        launch_limit_capabilities(c->oci, &p);
        r = check_terminal(o, &p, err);
    }
    if (r >= 0) {
        r = launch_preserved_fds(&o->preserve_fds, spec, &p, &preserved, err);
    }
    if (r >= 0 && o->console_socket) {
        r = x->console = handover_connect("--console-socket", o->console_socket, err);
    }
    if (r >= 0 && !o->detach) {
        r = terminal_prepare(&x->terminal, err);
    }
    return r < 0 ? r : exec_in(c, x, &p, preserved, err);
}

static int exec_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    struct execution x = {
        .options = values,
        .console = -1,
        .terminal = {.interactive = true, .no_detach = true, .signals = -1, .master = -1}};
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = oci_container_open(oci_of(context), argv[0], OCI_LOOK, &c, err);
    if (r >= 0) {
        r = check_status(c, x.options, err);
    }
    if (r >= 0) {
        r = execute(c, &x, argc - 1, argv + 1, err);
    }
    terminal_done(&x.terminal);
    fd_close(x.terminal.master);
    fd_close(x.console);
    error_free(x.handover_error);
    return r < 0 ? error_wrap(err, r, "exec failed") : r;
}

#define AT(member) offsetof(struct exec_options, member)
static const struct option exec_options[] = {
    {0, "console-socket", OPTION_STRING, AT(console_socket), "SOCKET",
     "Send the terminal's master to this UNIX socket", COMPLETE_FILE},
    {0, "pidfd-socket", OPTION_STRING, AT(pidfd_socket), "SOCKET",
     "Send a pidfd of the process to this UNIX socket", COMPLETE_FILE},
    {0, "cwd", OPTION_STRING, AT(cwd), "FOLDER", "Start in this folder of the container"},
    {'e', "env", OPTION_LIST, AT(env), "KEY=VALUE", "Set an environment variable"},
    {'t', "tty", OPTION_FLAG, AT(tty), NULL, "Give it a terminal"},
    {'u', "user", OPTION_STRING, AT(user), "UID[:GID]", "Run as this user, by number"},
    {'g', "additional-gids", OPTION_LIST, AT(additional_gids), "GID",
     "Also be a member of this group"},
    {'p', "process", OPTION_STRING, AT(process), "FILE", "Run the process of this process.json",
     COMPLETE_FILE},
    {'d', "detach", OPTION_FLAG, AT(detach), NULL, "Return when the program runs"},
    {0, "pid-file", OPTION_STRING, AT(pid_file), "FILE", "Write the process's number to this file",
     COMPLETE_FILE},
    {0, "process-label", OPTION_STRING, AT(process_label), "LABEL", "Run with this SELinux label"},
    {0, "apparmor", OPTION_STRING, AT(apparmor), "PROFILE", "Run with this AppArmor profile"},
    {0, "no-new-privs", OPTION_FLAG, AT(no_new_privs), NULL, "Gain no privileges by executing"},
    {'c', "cap", OPTION_LIST, AT(cap), "CAPABILITY", "Give it this capability too",
     COMPLETE_CAPABILITY},
    {0, "preserve-fds", OPTION_INTEGER, AT(preserve_fds), "N", "Pass descriptors 3 to 3+N-1 on"},
    {0, "cgroup", OPTION_LIST, AT(cgroup), "PATH",
     "Put it into this group below the container's, or CONTROLLER:PATH"},
    {0, "ignore-paused", OPTION_FLAG, AT(ignore_paused), NULL, "Also in a paused container"},
    {0},
};

const struct command oci_exec = {
    .name = "exec",
    .group = "Commands",
    .summary = "Run another program in a container",
    .arguments = "[OPTIONS] CONTAINER [COMMAND [ARG...]]",
    .options = exec_options,
    .values_size = sizeof(struct exec_options),
    .min_arguments = 1,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .argument_completion = COMPLETE_CONTAINER,
    .run = exec_run,
    .failure_status = 255, /* runc's: any less may be the program's own */
};
