// SPDX-License-Identifier: Apache-2.0
/* The parts of spec_from_image(), one subject a file; nobody else includes this.
 *
 * Each part reads the request, the image and the environment and fills in its share of the spec, in
 * the order of from_image.c (later parts look at what earlier ones decided: seccomp at the
 * capabilities, sysctls at the namespaces). Pure. */
#pragma once

#include "spec/request.h"

struct building {
    const struct run_request *request;
    const struct image_config *image;
    const struct spec_environment *env;
    struct spec *spec;      /* being built */
    struct arena *arena;    /* the spec's */
    struct strv *volumes;   /* for the engine to create */
    const char *network;    /* "bridge", "none", "host", "container:ID", a name */
    bool writable_cgroups;  /* --security-opt writable-cgroups */
    bool bare_system_paths; /* --security-opt systempaths=unconfined */
    const char *seccomp;    /* the last --security-opt seccomp=, or NULL */
};

int build_namespaces(struct building *b, struct error **err) NODISCARD;
int build_security_options(struct building *b, struct error **err) NODISCARD;
int build_process(struct building *b, struct error **err) NODISCARD;
int build_capabilities(struct building *b, struct error **err) NODISCARD;
int build_mounts(struct building *b, struct error **err) NODISCARD;
/* from_mounts_image.c */
struct volume;
int build_image_mount(struct building *b, const struct volume *v, struct error **err) NODISCARD;
int build_devices(struct building *b, struct error **err) NODISCARD;
int build_resources(struct building *b, struct error **err) NODISCARD;
int build_cgroup_limits(struct building *b,
                        struct error **err) NODISCARD; /* those of cgroups alone */
int build_seccomp(struct building *b, struct error **err) NODISCARD;

/* Splits "K=V" at the first '='; the value is "" without one. Copies into the arena. */
struct spec_pair pair_split(struct arena *a, const char *text);
/* The number of an absolute path's components; "/" has none. */
size_t path_depth(const char *path);
/* An absolute path without "//", "." and ".." ("/a/../b" is "/b"). */
char *path_clean(struct arena *a, const char *path);
