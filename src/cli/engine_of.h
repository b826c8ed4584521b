// SPDX-License-Identifier: Apache-2.0
/* The engine that the global options name. Pure. */
#pragma once

#include "base/options.h"
#include "engine/container.h"

static inline struct engine engine_of(const struct command_context *context)
{
    return (struct engine){context->data_dir, context->run_dir, context->config_path};
}
