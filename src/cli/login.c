// SPDX-License-Identifier: Apache-2.0
/* `cloison login` and `cloison logout`: the program cloison-image does it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "cli/commands.h"
#include "image/helper.h"

struct login_values {
    const char *user, *password;
    bool password_stdin;
};

static const struct option options[] = {
    {'p', "password", OPTION_STRING, offsetof(struct login_values, password), "PASSWORD",
     "The password; other users see it in the list of processes"},
    {0, "password-stdin", OPTION_FLAG, offsetof(struct login_values, password_stdin), NULL,
     "Read the password from standard input"},
    {'u', "username", OPTION_STRING, offsetof(struct login_values, user), "NAME", "The user"},
    {0},
};

/* The program that is executed reads it from a file without a name, not from its command line. */
static int hand_over(const char *password, json_t *request, struct error **err)
{
    int fd = memfd_create("password", 0); /* it is inherited */
    int r = fd < 0 ? -errno : write_all(fd, password, strlen(password));
    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, r < 0 ? -r : errno, "making a file in memory");
    }
    json_object_set_new(request, "passwordFd", json_integer(fd));
    return 0;
}

static int run_login(const struct command_context *context, void *v, int argc, char **argv,
                     struct error **err)
{
    const struct login_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("login", context->data_dir, context->config_path);
    json_object_set_new(request, "passwordStdin", json_boolean(values->password_stdin));
    if (values->password_stdin && (values->password || !values->user)) {
        return error_set(err, ERROR_USAGE, 0,
                         values->password ? "--password and --password-stdin exclude each other"
                                          : "--password-stdin needs --username");
    }
    if (argc) {
        json_object_set_new(request, "server", json_string(argv[0]));
    }
    if (values->user) {
        json_object_set_new(request, "user", json_string(values->user));
    }
    int r = values->password ? hand_over(values->password, request, err) : 0;
    return r < 0 ? r : image_helper_become(request, err);
}

const struct command command_login = {
    .name = "login",
    .group = "Images",
    .summary = "Log in to a registry",
    .arguments = "[OPTIONS] [SERVER]",
    .options = options,
    .values_size = sizeof(struct login_values),
    .max_arguments = 1,
    .run = run_login,
};

static const struct option no_options[] = {{0}};

static int run_logout(const struct command_context *context, void *v, int argc, char **argv,
                      struct error **err)
{
    CLEANUP(json)
    json_t *request = image_request("logout", context->data_dir, context->config_path);
    if (argc) {
        json_object_set_new(request, "server", json_string(argv[0]));
    }
    return image_helper_become(request, err);
}

const struct command command_logout = {
    .name = "logout",
    .group = "Images",
    .summary = "Forget the login to a registry",
    .arguments = "[SERVER]",
    .options = no_options,
    .max_arguments = 1,
    .run = run_logout,
};
