// SPDX-License-Identifier: Apache-2.0
/* Build caches in registries: a manifest whose config, of a kind of its own, is an object of the
 * steps' records by their keys (build/cache.h), and whose layers are the steps'; or an image whose
 * config has that object as a member, the inline cache. */
#pragma once

#define MEDIA_BUILD_CACHE "application/vnd.cloison.buildcache.v1+json"
#define BUILD_CACHE_MEMBER "cloison.buildcache.v1" /* of an image's config */
