// SPDX-License-Identifier: Apache-2.0
/* Each is made under a temporary name and renamed, so that two who make the same do no harm. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "wall/vm/kernels.h"
#include "wall/vm/vm.h"

int vm_cached(const char *path, vm_make *make, const void *from, struct error **err)
{
    CLEANUP(free) char *temporary = str_format("%s.%d", path, getpid());
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        return take_fd(&fd);
    }
    int r = make(temporary, from, err);
    if (r >= 0) {
        r = fd = open_file(AT_FDCWD, temporary, O_RDONLY, 0, err);
    }
    if (r >= 0 && rename(temporary, path) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "writing '%s'", path);
    }
    if (r < 0) {
        (void)unlink(temporary); /* the error is told */
        return r;
    }
    return take_fd(&fd);
}

/* Removes what the cache has under this prefix but the file `name`: of an older kernel of the same
 * release, of an older agent. Machines that run have theirs open. */
static void forget_older(const char *cache, const char *prefix, const char *name)
{
    CLEANUP(strv) struct strv files = {0};
    IGNORE(list_folder(AT_FDCWD, cache, &files, NULL) < 0);
    for (size_t i = 0; i < files.count; i++) {
        bool is_being_made = strrchr(files.items[i], '.') > strchr(files.items[i], '@');
        if (str_starts(files.items[i], prefix) && !is_being_made &&
            !str_equal(files.items[i], name)) {
            CLEANUP(free) char *path = str_format("%s/%s", cache, files.items[i]);
            (void)unlink(path); /* another may have been quicker */
        }
    }
}

/* A cached file "<prefix><what it is made of>", after which older ones are of no use. */
static int cached_newest(const char *cache, const char *prefix, const char *made_of, vm_make *make,
                         const void *from, struct error **err)
{
    CLEANUP(free) char *name = str_format("%s%s", prefix, made_of);
    CLEANUP(free) char *path = str_format("%s/%s", cache, name);
    bool is_new = access(path, F_OK) < 0;
    int fd = vm_cached(path, make, from, err);
    if (fd >= 0 && is_new) {
        forget_older(cache, prefix, name);
    }
    return fd;
}

/* --- the kernel ----------------------------------------------------------------------------------
 */

static int make_kernel(const char *temporary, const void *from, struct error **err)
{
    const struct vm_kernel *k = from;
    CLEANUP(free) char *program = program_path("cloison-kernel");
    return run_program((const char *[]){program, "extract", k->image, temporary, NULL}, NULL, err);
}

struct initramfs_of {
    const struct vm_kernel *kernel;
    bool has_screen; /* drivers of a graphics card and of what is typed, if the kernel has any */
};

static int make_initramfs(const char *temporary, const void *from, struct error **err)
{
    const struct initramfs_of *of = from;
    CLEANUP(free) char *program = program_path("cloison-kernel");
    CLEANUP(free) char *guest = program_path("cloison-guest");
    CLEANUP(free) char *files = program_path("cloison-fs");
    CLEANUP(free) char *extra = str_format("bin/cloison-fs=%s", files);
    const char *screen = of->has_screen ? "virtio_gpu" : NULL;
    return run_program((const char *[]){program, "initramfs", str_or(of->kernel->modules, "-"),
                                        guest, temporary, extra, screen, "virtio_input", NULL},
                       NULL, err);
}

static int open_kernel(const struct plan *p, struct vm_assets *a, struct error **err)
{
    CLEANUP(vm_kernel) struct vm_kernel k = {0};
    CLEANUP(free) char *guest = program_path("cloison-guest");
    CLEANUP(free) char *files = program_path("cloison-fs");
    struct stat st, files_st;
    int r = vm_kernel_find(p->kernels_dir, p->kernel, &k, err);
    if (r < 0) {
        return r;
    }
    if (stat(guest, &st) < 0 || stat(files, &files_st) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, errno, "'%s' or '%s'", guest, files);
    }
    const char *name = strchr(k.name, '/') ? k.release : k.name;
    /* A new kernel of the same name, or a new agent, is a new file. */
    CLEANUP(free) char *kernel = str_format(VM_CACHED_KERNEL "%s@", name);
    CLEANUP(free)
    char *initramfs = str_format(VM_CACHED_INITRAMFS "%s@%s", name, p->display ? "screen-" : "");
    const struct initramfs_of of = {.kernel = &k, .has_screen = p->display != NULL};
    CLEANUP(free)
    char *image = str_format("%lld-%lld", (long long)k.st.st_mtime, (long long)k.st.st_size);
    CLEANUP(free)
    char *programs = str_format("%s-%lld-%lld-%lld", image, (long long)st.st_mtime,
                                (long long)st.st_size, (long long)files_st.st_mtime);
    a->kernel = k.is_unpacked ? open_file(AT_FDCWD, k.image, O_RDONLY, 0, err)
                              : cached_newest(p->cache_dir, kernel, image, make_kernel, &k, err);
    a->initramfs = a->kernel < 0
                       ? -1
                       : cached_newest(p->cache_dir, initramfs, programs, make_initramfs, &of, err);
    return a->initramfs < 0 ? error_wrap(err, -1, "the machine's kernel") : 0;
}

/* --- KVM -----------------------------------------------------------------------------------------
 */

static int open_kvm(struct error **err)
{
    /* Inherited by the probe: the one descriptor here that is not closed on exec. */
    int fd = open("/dev/kvm", O_RDWR); // NOLINT(android-cloexec-open)
    if (fd >= 0) {
        return fd;
    }
    int code = errno;
    int r =
        error_set_errno(err, code == ENOENT ? ERROR_UNSUPPORTED : ERROR_DENIED, code, "'/dev/kvm'");
    return code == EACCES  ? error_hint(err, r, "add the user to the group kvm")
           : code == EPERM ? error_hint(err, r, "the device rules of our control group forbid it")
                           : r;
}

/* Whether KVM can run a stock kernel: the probe's word is kept for as long as the host runs. */
static bool kvm_is_usable(const struct plan *p, int kvm)
{
    CLEANUP(free) char *boot = NULL;
    CLEANUP(free) char *word = NULL;
    if (kvm < 0 || file_read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &boot, NULL) < 0) {
        return false;
    }
    CLEANUP(free) char *kept = str_format("%s/kvm-%s", p->cache_dir, boot);
    if (file_read_line(AT_FDCWD, kept, &word, NULL) >= 0) {
        return str_equal(word, "1");
    }
    CLEANUP(free) char *program = program_path("cloison-vmm");
    CLEANUP(free) char *number = str_format("%d", kvm);
    bool usable = run_program((const char *[]){program, "probe", number, NULL}, NULL, NULL) >= 0;
    IGNORE(file_write_atomic(AT_FDCWD, kept, usable ? "1" : "0", 1, 0600, FILE_NO_SYNC, NULL) < 0);
    return usable;
}

static int choose_monitor(const struct plan *p, enum vm_monitor *ret, struct error **err)
{
    bool must_be_kvm = str_equal(p->monitor, "kvm");
    *ret = VM_QEMU;
    if (p->monitor && !must_be_kvm) {
        return 0;
    }
    CLEANUP(fd) int kvm = open_kvm(must_be_kvm ? err : NULL);
    if (kvm_is_usable(p, kvm)) {
        *ret = VM_KVM;
        return 0;
    }
    return !must_be_kvm ? 0
           : kvm < 0    ? kvm
                        : error_set(err, ERROR_UNSUPPORTED, 0,
                                    "KVM cannot run a kernel here: it only emulates");
}

int vm_assets_open(const struct plan *plan, struct vm_assets *ret, struct error **err)
{
    *ret = (struct vm_assets){.kernel = -1, .initramfs = -1, .disk = -1};
    int r = mkdir_all(plan->cache_dir, 0700, err);
    r = r < 0 ? r : choose_monitor(plan, &ret->monitor, err);
    r = r < 0 ? r : open_kernel(plan, ret, err);
    r = r < 0 ? r : vm_disks_open(plan, ret, err);
    if (r < 0) {
        vm_assets_close(ret);
    }
    return r;
}

void vm_assets_close(struct vm_assets *a)
{
    fd_close(a->kernel);
    fd_close(a->initramfs);
    fd_close(a->disk);
    for (size_t i = 0; i < a->layer_count; i++) {
        fd_close(a->layers[i]);
    }
}
