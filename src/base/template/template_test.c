// SPDX-License-Identifier: Apache-2.0
#include "base/template/template.h"

#include <errno.h>

#include "base/json.h"
#include "base/test.h"

static const char object[] =
    "{\"ID\": \"f00\", \"Names\": \"web\", \"Pid\": 42, \"Empty\": \"\", \"On\": true, \"Off\": "
    "false,"
    " \"State\": {\"Status\": \"running\", \"Health\": null, \"Deep\": {\"Er\": 1.5}},"
    " \"Cmd\": [\"a\", \"b\", \"c\"], \"None\": [],"
    " \"Labels\": {\"role\": \"db\", \"com.x\": \"y\"}, \"Caf\\u00e9\": \"\\u00e9t\\u00e9\","
    " \"Ports\": {\"80/tcp\": [{\"HostIp\": \"0.0.0.0\", \"HostPort\": \"8080\"}], \"81/tcp\": "
    "null}}";

/* What the template makes of the object, or "error: <text>". The caller frees. */
static char *run(const char *text)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *value = NULL;
    CLEANUP(template) struct template *t = NULL;
    CLEANUP(strbuf) struct strbuf out = {0};
    CHECK_OK(json_parse(object, strlen(object), "object", &value, &err), err);
    CLEANUP(json) json_t *methods = json_pack("{s:{s:s}}", "Label", "com.x", "y");
    struct template_data data = {.value = value, .methods = methods};
    if (template_parse(text, &t, &err) < 0 || template_execute(t, &data, &out, &err) < 0) {
        CLEANUP(free) char *message = error_text(err);
        return str_format("error: %s", message);
    }
    return strbuf_take(&out);
}

static void expect(const char *text, const char *expected)
{
    CLEANUP(free) char *actual = run(text);
    if (!str_equal(actual, expected)) {
        printf("# template %s\n", text);
    }
    CHECK_STR(actual, expected);
}

static void expect_error(const char *text, const char *part)
{
    CLEANUP(free) char *actual = run(text);
    if (!str_starts(actual, "error: ") || !strstr(actual, part)) {
        printf("# template %s gives\n#   %s\n# without\n#   %s\n", text, actual, part);
        CHECK(!"an error was expected");
    }
}

static void test_template_fields(void)
{
    expect("plain", "plain");
    expect("", "");
    expect("{{.ID}} {{ .Names }}\t{{.Pid}}", "f00 web\t42");
    expect("{{.State.Status}}/{{.State.Deep.Er}}", "running/1.5");
    expect("{{$.ID}}{{(.State).Status}}{{(index .Ports \"80/tcp\" 0).HostPort}}", "f00running8080");
    expect("{{.On}} {{.Off}} {{.Cmd}} {{.None}} {{.Labels}}",
           "true false [a b c] [] map[com.x:y role:db]");
    expect("{{.State.Health}}", "<no value>");
    expect("{{.Labels.role}} {{.Labels.missing}}", "db <no value>");
    expect("{{.Café}}", "été");
}

static void test_template_missing_fields_are_errors(void)
{
    expect_error("{{.Name}}", "character 3: there is no field 'Name' (did you mean 'Names'?)");
    expect_error("{{.State.Health.Status}}", "not an object, it has no field 'Status'");
    expect_error("{{.ID.Short}}", "not an object");
}

static void test_template_trims_and_comments(void)
{
    expect("a {{- .Pid -}} b", "a42b");
    expect("a {{/* nothing */}} b", "a  b");
    expect("a {{- /* nothing */ -}} b", "ab");
    expect("{{-3}}", "-3");
    expect("a {{- -3}}", "a-3");
}

static void test_template_conditions(void)
{
    expect("{{if .On}}yes{{end}}", "yes");
    expect("{{if .Off}}yes{{else}}no{{end}}", "no");
    expect("{{if .Empty}}a{{else if eq .Pid 42}}b{{else}}c{{end}}", "b");
    expect("{{with .State}}{{.Status}} {{$.ID}}{{end}}", "running f00");
    expect("{{with .State.Health}}x{{else}}none{{end}}", "none");
    expect("{{with $x := .Pid}}{{$x}}{{end}}", "42");
    expect("{{with $x := .Empty}}{{else}}[{{$x}}]{{end}}", "[]");
    expect("{{if and .On .Off}}a{{end}}{{if or .Off .Pid}}b{{end}}{{if not .Off}}c{{end}}", "bc");
    expect("{{and .Empty .Nonsense}}|{{or .ID .Nonsense}}", "|f00");
    expect("{{if .Labels.missing}}a{{else}}b{{end}}", "b");
}

static void test_template_ranges(void)
{
    expect("{{range .Cmd}}<{{.}}>{{end}}", "<a><b><c>");
    expect("{{range $i, $c := .Cmd}}{{if $i}},{{end}}{{$c}}{{end}}", "a,b,c");
    expect("{{range $c := .Cmd}}{{$c}}{{end}}", "abc");
    expect("{{range .None}}x{{else}}none{{end}}", "none");
    expect("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "com.x=y;role=db;");
    expect("{{range $p, $c := .Ports}}{{$p}}->{{range $c}}{{.HostPort}}{{end}} {{end}}",
           "80/tcp->8080 81/tcp-> ");
    expect("{{range .Cmd}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac");
    expect("{{range .Cmd}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}.", "a.");
    expect("{{range $.Cmd}}{{range $.Cmd}}{{.}}{{break}}{{end}}{{end}}", "aaa");
    expect_error("{{range .Pid}}{{end}}", "range");
}

static void test_template_variables(void)
{
    expect("{{$x := .Pid}}{{$x}}", "42");
    expect("{{$x := 1}}{{if .On}}{{$x = 2}}{{end}}{{$x}}", "2");
    expect("{{$x := 1}}{{if .On}}{{$x := 2}}{{end}}{{$x}}", "1");
    expect("{{$n := 0}}{{range .Cmd}}{{$n = .}}{{end}}{{$n}}", "c");
    expect_error("{{$x}}", "unknown variable '$x'");
    expect_error("{{if .On}}{{$x := 1}}{{else}}{{$x}}{{end}}", "unknown variable '$x'");
    expect_error("{{range $x := .Cmd}}{{else}}{{$x}}{{end}}", "unknown variable '$x'");
    expect_error("{{and .Off ($x := 1)}}{{$x}}", "inside parentheses");
}

static void test_template_functions(void)
{
    expect("{{json .Cmd}} {{json .State.Health}} {{.ID | json}}",
           "[\"a\",\"b\",\"c\"] null \"f00\"");
    expect("{{join .Cmd \"+\"}} {{index (split \"x:y\" \":\") 1}}", "a+b+c y");
    expect("{{upper .Names}} {{lower \"ABC\"}} {{title \"two words\"}}", "WEB abc Two Words");
    expect("{{len .Cmd}} {{len .Names}} {{len .Labels}}", "3 3 2");
    expect("{{index .Cmd 1}} {{index .Labels \"com.x\"}} [{{index .Labels \"no\"}}]", "b y []");
    expect("{{slice .Cmd 1}} {{slice .Names 0 2}}", "[b c] we");
    expect("{{truncate .Names 2}}[{{pad .Names 1 2}}]", "we[ web  ]");
    expect("{{print .ID 1 2 .Names}}|{{println .ID 1}}|", "f001 2web|f00 1\n|");
    expect("{{eq .ID \"x\" \"f00\"}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2.5 2}}",
           "true true true true false true");
    expect("{{.Names | printf \"%s-%s\" \"a\"}}", "a-web");
    expect("{{(eq .Pid 42) | not}}", "false");
    expect("{{.Label \"com.x\"}}[{{.Label \"none\"}}]", "y[]");
    expect("{{`raw \\n`}}{{\"\\u00e9\\t\\\"\"}}{{'a'}}{{0x10}}", "raw \\n\xc3\xa9\t\"9716");
    expect_error("{{index .Cmd 9}}", "out of range");
    expect_error("{{eq 1 \"1\"}}", "different types");
    expect_error("{{len 3}}", "no length");
}

static void test_template_printf(void)
{
    expect("{{printf \"%5s|%-5s|%.2s\" \"ab\" \"cd\" \"efg\"}}", "   ab|cd   |ef");
    expect("{{printf \"%d %05d %+d %x %#x %o\" 7 42 3 255 255 8}}", "7 00042 +3 ff 0xff 10");
    expect("{{printf \"%q %v %t %%\" \"a\\\"b\" .Cmd .On}}", "\"a\\\"b\" [a b c] true %");
    expect("{{printf \"%.2f %g %x\" 3.14159 1.5 \"hi\"}}", "3.14 1.5 6869");
    expect("{{printf \"%d\" \"x\"}} {{printf \"%s\"}} {{printf \"a\" 1}}",
           "%!d(string=x) %!s(MISSING) a%!(EXTRA int=1)");
    expect("{{printf \"%3s|\" \"é\"}}", "  é|");
}

static void test_template_errors_say_where(void)
{
    expect_error("{{.ID", "without '}}'");
    expect_error("{{}}", "character 3: a value is missing here");
    expect_error("abc{{if .On}}", "'{{end}}' is missing");
    expect_error("{{end}}", "without a block");
    expect_error("{{else}}", "without a block");
    expect_error("{{jsn .}}", "character 3: unknown function 'jsn' (did you mean 'json'?)");
    expect_error("{{json}}", "does not take 0 arguments");
    expect_error("{{.ID 1}}", "no arguments are taken by 'ID'");
    expect_error("{{1 2}}", "takes no arguments");
    expect_error("{{(.ID}}", "')' is missing");
    expect_error("{{.ID)}}", "unexpected ')'");
    expect_error("{{\"abc}}", "a string without end");
    expect_error("{{break}}", "inside range");
    expect_error("{{define \"x\"}}{{end}}", "not supported");
    expect_error("{{\"a\"\"b\"}}", "a space is missing");
    expect_error("{{.ID | }}", "a value is missing here");
}

static void test_template_depth_is_bounded(void)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    strbuf_adds(&b, "{{");
    for (int i = 0; i < 20000; i++) {
        strbuf_addc(&b, '(');
    }
    strbuf_adds(&b, "}}");
    expect_error(b.data, "too deeply nested");
}

static void test_template_headers_pass_through(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(template) struct template *t = NULL;
    CLEANUP(strbuf) struct strbuf out = {0};
    CLEANUP(json) json_t *heads = json_pack("{s:s, s:s}", "ID", "CONTAINER ID", "Names", "NAMES");
    CLEANUP(json) json_t *methods = json_pack("{s:{}}", "Label");
    struct template_data data = {.value = heads, .methods = methods, .headers = true};
    CHECK_OK(
        template_parse("{{.ID}}\t{{json .Names}}\t{{lower .Names}}\t{{.Label \"role\"}}", &t, &err),
        err);
    CHECK_OK(template_execute(t, &data, &out, &err), err);
    CHECK_STR(out.data, "CONTAINER ID\tNAMES\tNAMES\trole");
}

static const struct test tests[] = {
    TEST(test_template_fields),
    TEST(test_template_missing_fields_are_errors),
    TEST(test_template_trims_and_comments),
    TEST(test_template_conditions),
    TEST(test_template_ranges),
    TEST(test_template_variables),
    TEST(test_template_functions),
    TEST(test_template_printf),
    TEST(test_template_errors_say_where),
    TEST(test_template_depth_is_bounded),
    TEST(test_template_headers_pass_through),
};
TEST_MAIN(tests)
