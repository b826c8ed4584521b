// SPDX-License-Identifier: Apache-2.0
/* Any text as a template over one object: no input may crash, hang or leak. */
#include "base/json.h"
#include "base/template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char object[] =
        "{\"a\":[1,\"x\",null,2.5],\"B\":{\"C\":\"d\",\"e\":[[],{}]},\"F\":true}";
    CLEANUP(free) char *text = xstrndup((const char *)bytes, size);
    CLEANUP(json) json_t *value = json_loads(object, 0, NULL);
    CLEANUP(template) struct template *t = NULL;
    CLEANUP(strbuf) struct strbuf out = {0};
    CLEANUP(error) struct error *err = NULL;
    struct template_data data = {.value = value};
    if (template_parse(text, &t, &err) == 0) {
        IGNORE(template_execute(t, &data, &out, &err)); /* an error is as good as a text */
    }
    return 0;
}
