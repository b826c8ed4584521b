// SPDX-License-Identifier: Apache-2.0
/* The verbs of the program cloison-image: each reads its members of the JSON request (the caller is
 * image/helper.h), changes the store, writes its result to standard output. One file a verb. */
#pragma once

#include <jansson.h>

#include "base/error.h"

struct verb_request {
    const json_t *json;
    const char *data_dir;
    const char *config_path; /* of the settings; never NULL */
};

/* {"reference"}: makes the embedded image under that name. Writes its ID. */
int verb_busybox(const struct verb_request *r, struct error **err) NODISCARD;
/* {"socket": fd, "import"?}: serves one `cloison build` over that socket; see build_worker.c. */
int verb_build_worker(const struct verb_request *r, struct error **err) NODISCARD;
/* {"all"?, "keepBytes"?, "until"?: seconds since the epoch, "quiet"?} */
int verb_build_cache_prune(const struct verb_request *r, struct error **err) NODISCARD;
/* {"reference", "platform"?, "file"}: the records of a registry's build cache into the file. */
int verb_build_cache_get(const struct verb_request *r, struct error **err) NODISCARD;
/* {"reference", "parents": […], "blob", "blobSize", "diffID"}: a layer of it into the store. */
int verb_build_cache_layer(const struct verb_request *r, struct error **err) NODISCARD;
/* {"reference", "file"}: the records, and the layers that they name, to a registry. */
int verb_build_cache_put(const struct verb_request *r, struct error **err) NODISCARD;
/* {"reference", "platform"?, "quiet"?, "allTags"?, "verify"?, "keys": […]} */
int verb_pull(const struct verb_request *r, struct error **err) NODISCARD;
/* {"reference", "quiet"?, "allTags"?, "platform"?} */
int verb_push(const struct verb_request *r, struct error **err) NODISCARD;
/* {"list", "members": […], "amend"?, "insecure"?} */
int verb_manifest_create(const struct verb_request *r, struct error **err) NODISCARD;
/* {"list", "member", "os"?, "arch"?, "variant"?, "osVersion"?, "osFeatures": […]} */
int verb_manifest_annotate(const struct verb_request *r, struct error **err) NODISCARD;
/* {"list", "verbose"?, "insecure"?}: a local list, or what a registry has; writes it as JSON. */
int verb_manifest_inspect(const struct verb_request *r, struct error **err) NODISCARD;
/* {"list", "purge"?, "insecure"?}: writes the digest. */
int verb_manifest_push(const struct verb_request *r, struct error **err) NODISCARD;
/* {"lists": […]} */
int verb_manifest_rm(const struct verb_request *r, struct error **err) NODISCARD;
/* {"reference"}: writes a line a tag. */
int verb_tags(const struct verb_request *r, struct error **err) NODISCARD;
/* {"server"?, "user"?, "passwordFd"?, "passwordStdin"?} */
int verb_login(const struct verb_request *r, struct error **err) NODISCARD;
/* {"server"?} */
int verb_logout(const struct verb_request *r, struct error **err) NODISCARD;
/* {"input"?, "quiet"?} */
int verb_load(const struct verb_request *r, struct error **err) NODISCARD;
/* {"images": […], "output"?, "format"?, "platforms": […], "index"?: the digest of one that no name
 * stands for} */
int verb_save(const struct verb_request *r, struct error **err) NODISCARD;
/* {"folderFd", "output", "name", "namespace", "created"}: what is installed below the folder, as
 * SPDX, into the file. */
int verb_sbom(const struct verb_request *r, struct error **err) NODISCARD;
/* {"source", "reference"?, "change": […], "message"?, "platform"?} */
int verb_import(const struct verb_request *r, struct error **err) NODISCARD;
/* {"source", "target"} */
int verb_tag(const struct verb_request *r, struct error **err) NODISCARD;
/* {"images": […], "force"?, "platforms": […]} */
int verb_rmi(const struct verb_request *r, struct error **err) NODISCARD;
/* {"folderFd", "output"?, "name"?, "as"?}: the folder's content, or the one entry, as a tar. */
int verb_export(const struct verb_request *r, struct error **err) NODISCARD;
/* {"folderFd"}: the tar on standard input into the folder. */
int verb_extract(const struct verb_request *r, struct error **err) NODISCARD;
/* {"parent": ID, "upper": folder, "imageConfig", "createdBy"?, "author"?, "message"?, "reference"?,
 * "change": […]}. Writes the ID. */
int verb_commit(const struct verb_request *r, struct error **err) NODISCARD;
/* {"all"?, "filters": […], "freed"?: what the caller has freed before} */
int verb_prune(const struct verb_request *r, struct error **err) NODISCARD;
/* {"repair"?, "quick"?, "inUse"?: [chainIDs' hex digits]}. Writes what is wrong; 1 when something
 * is left that is. */
int verb_check(const struct verb_request *r, struct error **err) NODISCARD;
/* {"reference", "suite"?, "include": […], …} */
int verb_bootstrap(const struct verb_request *r, struct error **err) NODISCARD;
