// SPDX-License-Identifier: Apache-2.0
#include "image/store/changes.h"

#include "base/test.h"

static void test_changes_become_the_config(void)
{
    static const char *const changes[] = {
        "CMD [\"nginx\", \"-g\", \"daemon off;\"]",
        "entrypoint exec top -b",
        "ENV A=1 B=\"two words\"",
        "ENV A=3",
        "ENV OLD the old form",
        "EXPOSE 80 443/tcp 53-54/udp",
        "LABEL k=v empty",
        "USER www-data:www-data",
        "VOLUME [\"/a\", \"/b\"]",
        "VOLUME /c /d",
        "WORKDIR /srv",
        "STOPSIGNAL SIGQUIT",
        "ONBUILD RUN true",
        "HEALTHCHECK --interval=5s --retries=3 CMD curl -f http://localhost/",
    };
    CLEANUP(json) json_t *config = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        struct error *err = NULL;
        CHECK_OK(change_apply(config, changes[i], &err), err);
    }
    CLEANUP(free) char *text = json_dumps(config, JSON_COMPACT);
    CHECK_STR(text, "{\"Cmd\":[\"nginx\",\"-g\",\"daemon off;\"],"
                    "\"Entrypoint\":[\"/bin/sh\",\"-c\",\"exec top -b\"],"
                    "\"Env\":[\"A=3\",\"B=two words\",\"OLD=the old form\"],"
                    "\"ExposedPorts\":{\"80/tcp\":{},\"443/tcp\":{},\"53/udp\":{},\"54/udp\":{}},"
                    "\"Labels\":{\"k\":\"v\",\"empty\":\"\"},\"User\":\"www-data:www-data\","
                    "\"Volumes\":{\"/a\":{},\"/b\":{},\"/c\":{},\"/d\":{}},\"WorkingDir\":\"/srv\","
                    "\"StopSignal\":\"SIGQUIT\",\"OnBuild\":[\"RUN true\"],"
                    "\"Healthcheck\":{\"Interval\":5000000000,\"Retries\":3,"
                    "\"Test\":[\"CMD-SHELL\",\"curl -f http://localhost/\"]}}");
}

static void test_changes_unknown_or_malformed_are_refused(void)
{
    static const char *const changes[] = {
        "RUN true", "COPY a b",    "CMD", "ENV novalue",     "EXPOSE 0",     "EXPOSE 80/icmp",
        "EXPOSE x", "ENV A='open", "",    "HEALTHCHECK foo", "EXPOSE 90-80",
    };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        CLEANUP(json) json_t *config = json_object();
        CLEANUP(error) struct error *err = NULL;
        CHECK(change_apply(config, changes[i], &err) < 0);
        CHECK_INT(err->kind, ERROR_INVALID_INPUT);
    }
}

static const struct test tests[] = {
    TEST(test_changes_become_the_config),
    TEST(test_changes_unknown_or_malformed_are_refused),
};
TEST_MAIN(tests)
