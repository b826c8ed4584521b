// SPDX-License-Identifier: Apache-2.0
/* The process itself: what the parent sets on it, and what it does to itself up to the exec. The
 * order towards the end is the point: everything that needs rights first, the filter last. */
#include <fcntl.h>
#include <string.h>
#include <sys/personality.h>

#include "base/file.h"
#include "wall/container/cgroup.h"
#include "wall/container/plan_parts.h"
#include "wall/container/process_names.h"
#include "wall/container/seccomp.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int plan_rlimits(struct plan *p, const struct spec_process *process, struct error **err)
{
    for (size_t i = 0; i < process->rlimit_count; i++) {
        const struct spec_rlimit *l = &process->rlimits[i];
        int resource = rlimit_number(l->type);
        if (resource < 0) {
            return error_set(err, ERROR_INVALID_INPUT, 0, "rlimit '%s' is unknown", l->type);
        }
        plan_add(p, STEP_RLIMIT)->rlimit =
            (struct step_rlimit){arena_strdup(p->arena, l->type), resource, l->soft, l->hard};
    }
    return 0;
}

static int plan_scheduler(struct plan *p, const struct spec_process *process, struct error **err)
{
    const struct spec_scheduler *x = &process->scheduler;
    if (!x->policy) {
        return 0;
    }
    struct step_scheduler s = {
        .policy_name = arena_strdup(p->arena, x->policy),
        .nice = x->nice,
        .priority = (uint32_t)x->priority,
        .runtime = x->runtime,
        .deadline = x->deadline,
        .period = x->period,
    };
    int policy = scheduler_policy(x->policy);
    if (policy < 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "scheduler policy '%s' is unknown",
                         x->policy);
    }
    s.policy = (uint32_t)policy;
    for (size_t i = 0; i < x->flag_count; i++) {
        uint64_t flag = scheduler_flag(x->flags[i]);
        if (!flag) {
            return error_set(err, ERROR_INVALID_INPUT, 0, "scheduler flag '%s' is unknown",
                             x->flags[i]);
        }
        s.flags |= flag;
    }
    plan_add(p, STEP_SCHEDULER)->scheduler = s;
    return 0;
}

static int plan_io_priority(struct plan *p, const struct spec_process *process, struct error **err)
{
    if (!process->io_priority_class) {
        return 0;
    }
    int class = io_priority_class(process->io_priority_class);
    if (class < 0 || process->io_priority < 0 || process->io_priority > 7) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "io priority '%s' %d is none",
                         process->io_priority_class, process->io_priority);
    }
    plan_add(p, STEP_IO_PRIORITY)->io_priority = (struct step_io_priority){
        arena_strdup(p->arena, process->io_priority_class), class << 13 | process->io_priority};
    return 0;
}

int plan_process_host(struct plan *p, const struct spec_process *process, struct error **err)
{
    if (process->oom_score_adj.set) {
        plan_add(p, STEP_OOM_SCORE)->number = (int)process->oom_score_adj.value;
    }
    int r = plan_rlimits(p, process, err);
    if (r >= 0) {
        r = plan_scheduler(p, process, err);
    }
    if (r >= 0) {
        r = plan_io_priority(p, process, err);
    }
    return r;
}

void plan_session(struct plan *p, const struct spec_process *process, bool no_new_keyring)
{
    p->terminal = process->terminal;
    plan_add(p, STEP_SESSION);
    if (!no_new_keyring) {
        plan_add(p, STEP_KEYRING)->text = arena_format(p->arena, "_ses.%s", p->id);
    }
}

void plan_stdio(struct plan *p, const struct spec_process *process, bool bind_console)
{
    if (process->terminal) {
        plan_add(p, STEP_TERMINAL)->terminal = (struct step_terminal){
            .sized = process->console_height.set && process->console_width.set,
            .rows = (uint16_t)process->console_height.value,
            .columns = (uint16_t)process->console_width.value,
            .bind_console = bind_console,
        };
    }
    plan_add(p, STEP_STDIO);
}

void plan_null_stdio(struct plan *p, const struct spec_process *process)
{
    if (!process->terminal) {
        plan_add(p, STEP_NULL_STDIO);
    }
}

static struct step_exec program_of(struct plan *p, const struct spec_process *process)
{
    char **argv = arena_alloc(p->arena, (process->arg_count + 1) * sizeof(*argv));
    char **envp = arena_alloc(p->arena, (process->env_count + 1) * sizeof(*envp));
    const char *path = DEFAULT_PATH;
    for (size_t i = 0; i < process->arg_count; i++) {
        argv[i] = arena_strdup(p->arena, process->args[i]);
    }
    for (size_t i = 0; i < process->env_count; i++) {
        envp[i] = arena_strdup(p->arena, process->env[i]);
        path = str_starts(envp[i], "PATH=") ? envp[i] + strlen("PATH=") : path;
    }
    return (struct step_exec){.argv = argv, .envp = envp, .path_variable = path};
}

void plan_program(struct plan *p, const struct spec_process *process)
{
    if (process->arg_count) { /* else there is none: it can be created alone */
        plan_add(p, STEP_PROGRAM)->exec = program_of(p, process);
    }
}

static bool apparmor_is_on(void)
{
    CLEANUP(free) char *enabled = NULL;
    int r = file_read_line(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", &enabled, NULL);
    return r >= 0 && enabled[0] == 'Y';
}

static int plan_labels(struct plan *p, const struct spec_process *process, struct error **err)
{
    struct arena *a = p->arena;
    const char *profile = process->apparmor_profile, *label = process->selinux_label;
    if (profile && *profile) {
        if (!apparmor_is_on()) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "AppArmor profile '%s': AppArmor is not enabled here", profile);
        }
        plan_add(p, STEP_LABEL)->label = (struct step_label){
            "AppArmor",
            arena_strdup(a, profile),
            {"self/attr/apparmor/exec", "self/attr/exec"},
            arena_format(a, "exec %s", profile),
        };
    }
    if (label && *label) {
        if (access("/sys/fs/selinux/enforce", F_OK) < 0) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "SELinux label '%s': SELinux is not enabled here", label);
        }
        plan_add(p, STEP_LABEL)->label = (struct step_label){
            "SELinux", arena_strdup(a, label), {"self/attr/exec"}, arena_strdup(a, label)};
    }
    return 0;
}

static int plan_personality(struct plan *p, const char *domain, struct error **err)
{
    if (!domain) {
        return 0;
    }
    if (!str_equal(domain, "LINUX") && !str_equal(domain, "LINUX32")) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "personality '%s' is unknown", domain);
    }
    plan_add(p, STEP_PERSONALITY)->flags = str_equal(domain, "LINUX32") ? PER_LINUX32 : PER_LINUX;
    return 0;
}

static void plan_user(struct plan *p, const struct spec_process *process)
{
    plan_add(p, STEP_USER)->user = (struct step_user){
        .uid = process->uid,
        .gid = process->gid,
        .groups = arena_dup(p->arena, process->additional_gids,
                            process->additional_gid_count * sizeof(uint32_t)),
        .group_count = process->additional_gid_count,
        .set_groups = true,
        .cwd = arena_strdup(p->arena, str_or(process->cwd, "/")),
        .keep_capabilities = process->capabilities.set,
    };
}

/* A filter needs CAP_SYS_ADMIN or no_new_privs. With the latter it is loaded last, and need allow
 * nothing but exec; without, before the rights it needs are given up. */
static void plan_rights(struct plan *p, const struct spec_process *process)
{
    const struct spec_capabilities *c = &process->capabilities;
    const struct step_capabilities sets = {c->bounding, c->effective, c->permitted, c->inheritable,
                                           c->ambient};
    bool last = process->no_new_privileges;
    if (c->set) {
        plan_add(p, STEP_BOUNDING)->capabilities = sets;
    }
    if (process->no_new_privileges) {
        plan_add(p, STEP_NO_NEW_PRIVILEGES);
    }
    if (p->seccomp && !last && !c->set) {
        plan_add(p, STEP_SECCOMP);
    }
    plan_user(p, process);
    if (p->seccomp && !last && c->set) {
        plan_add(p, STEP_SECCOMP);
    }
    if (c->set) {
        plan_add(p, STEP_CAPABILITIES)->capabilities = sets;
    }
}

int plan_process(struct plan *p, const struct spec_process *process, const char *domain,
                 int preserved, struct error **err)
{
    if (p->cgroups && p->cgroups->scope) {
        plan_add(p, STEP_SCOPE_SETTLE);
    }
    plan_add(p, STEP_READY);
    if (!process->arg_count) {
        return 0;
    }
    int r = plan_personality(p, domain, err);
    if (r >= 0) {
        r = plan_labels(p, process, err);
    }
    if (r < 0) {
        return r;
    }
    if (process->umask.set) {
        plan_add(p, STEP_UMASK)->umask = process->umask.value & 0777;
    } else {
        plan_add(p, STEP_UMASK)->umask = 0022;
    }
    struct step_exec program = program_of(p, process);
    program.preserved = preserved;
    plan_add(p, STEP_DESCRIPTORS)->exec = program;
    plan_rights(p, process);
    if (p->seccomp && process->no_new_privileges) {
        plan_add(p, STEP_SECCOMP);
    }
    plan_add(p, STEP_EXEC)->exec = program;
    return 0;
}
