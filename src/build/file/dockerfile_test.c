// SPDX-License-Identifier: Apache-2.0
#include "build/file/dockerfile.h"

#include "base/test.h"

static struct error *err;

static void parse(const char *text, struct dockerfile *d)
{
    err = NULL;
    CHECK_OK(dockerfile_parse("Dockerfile", text, strlen(text), d, &err), err);
}

static void check_refused(const char *text, const char *message)
{
    CLEANUP(dockerfile) struct dockerfile d = {0};
    CLEANUP(error) struct error *e = NULL;
    CHECK(dockerfile_parse("Dockerfile", text, strlen(text), &d, &e) < 0);
    CHECK_STR(e->message, message);
}

static void test_dockerfile_lines_are_joined_and_comments_dropped(void)
{
    CLEANUP(dockerfile) struct dockerfile d = {0};
    parse("\xef\xbb\xbf# a comment\nFROM ubuntu\n\n  # indented\n"
          "RUN apt update \\\n # between\n\n  && apt install \\ \t\n -y python3\r\nCMD [\"sh\", "
          "\"-c\"]\n",
          &d);
    CHECK_INT(d.count, 3);
    CHECK_INT(d.items[0].kind, I_FROM);
    CHECK_INT(d.items[0].line, 2);
    CHECK_STR(d.items[1].rest, "apt update   && apt install  -y python3");
    CHECK_INT(d.items[1].line, 5);
    CHECK_INT(d.items[1].last_line, 9);
    CHECK(d.has_empty_continuation);
    CHECK(d.items[2].is_json);
    CHECK_INT(d.items[2].json.count, 2);
}

static void test_dockerfile_directives_end_at_the_first_other_line(void)
{
    CLEANUP(dockerfile) struct dockerfile d = {0};
    parse("# syntax=docker/dockerfile:1\n# escape = `\n# check=skip=all\nFROM a `\n  AS b\n", &d);
    CHECK_STR(d.syntax, "docker/dockerfile:1");
    CHECK_STR(d.check, "skip=all");
    CHECK_STR(d.items[0].rest, "a   AS b");
    CLEANUP(dockerfile) struct dockerfile late = {0};
    parse("# hello\n# escape=`\nFROM a\nRUN b `\n", &late);
    CHECK_STR(late.items[1].rest, "b `");
}

static void test_dockerfile_flags_are_taken_apart(void)
{
    CLEANUP(dockerfile) struct dockerfile d = {0};
    parse("FROM a\nCOPY --from=b --chown='1:2' --chmod=\"0644\" -- --x /y\nRUN --network=none echo "
          "--z\n",
          &d);
    CHECK_INT(d.items[1].flags.count, 3);
    CHECK_STR(d.items[1].flags.items[1], "--chown=1:2");
    CHECK_STR(d.items[1].flags.items[2], "--chmod=0644");
    CHECK_STR(d.items[1].rest, "--x /y");
    CHECK_STR(d.items[2].rest, "echo --z");
}

static void test_dockerfile_heredocs_are_gathered(void)
{
    CLEANUP(dockerfile) struct dockerfile d = {0};
    parse("FROM a\nRUN <<EOF cat >x\nfirst\n# kept\nEOF\nCOPY <<-'A' <<B "
          "/to/\n\ttabs\n\tA\n$x\nB\nRUN echo a<<b\n",
          &d);
    CHECK_INT(d.count, 4);
    CHECK_INT(d.items[1].heredoc_count, 1);
    CHECK_STR(d.items[1].heredocs[0].content, "first\n# kept\n");
    CHECK(d.items[1].heredocs[0].expand);
    CHECK_INT(d.items[2].heredoc_count, 2);
    CHECK_STR(d.items[2].heredocs[0].content, "tabs\n");
    CHECK(!d.items[2].heredocs[0].expand);
    CHECK_STR(d.items[2].heredocs[1].content, "$x\n");
    CHECK_INT(d.items[3].heredoc_count, 0);
}

static void test_dockerfile_mistakes_name_their_line(void)
{
    check_refused("", "Dockerfile: it has no instructions");
    check_refused("ARG x\n", "Dockerfile: there is no FROM in it");
    check_refused("RUN x\n", "Dockerfile:1: 'RUN' stands before the first FROM (only ARG may)");
    check_refused("FROM a\n\nFORM b\n",
                  "Dockerfile:3: unknown instruction 'FORM' (did you mean 'FROM'?)");
    check_refused("FROM a\nxyzzy b\n", "Dockerfile:2: unknown instruction 'xyzzy'");
    check_refused("FROM a\nRUN\n", "Dockerfile:2: RUN needs an argument");
    check_refused("FROM a\nRUN <<EOF\nx\n", "Dockerfile:2: the here-document 'EOF' is not ended");
    check_refused("# escape=x\nFROM a\n", "Dockerfile:1: escape is '\\' or '`', not 'x'");
    check_refused("# syntax=a\n# syntax=b\nFROM a\n",
                  "Dockerfile:2: only one 'syntax' parser directive can be used");
}

static const struct test tests[] = {
    TEST(test_dockerfile_lines_are_joined_and_comments_dropped),
    TEST(test_dockerfile_directives_end_at_the_first_other_line),
    TEST(test_dockerfile_flags_are_taken_apart),
    TEST(test_dockerfile_heredocs_are_gathered),
    TEST(test_dockerfile_mistakes_name_their_line),
};
TEST_MAIN(tests)
