#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what is made from the option rows: completions, man pages, the options in docs/cli.

    generate_docs.py names SOURCE           the verbs in src/cli/commands.c, without running anything
    generate_docs.py bash|zsh|fish CLOISON  a completion, on standard output
    generate_docs.py man CLOISON DOCS OUT   man pages of section 1 into the folder OUT
    generate_docs.py update CLOISON DOCS    writes the options of each page in DOCS anew
    generate_docs.py check CLOISON DOCS     says, as TAP, what the pages lack
    generate_docs.py man8|update8|check8 OCI PAGE [OUT]
                                            the same for cloison-oci, whose verbs are one page

CLOISON and OCI are the built programs: `describe --json` tells all verbs and options.
"""
import datetime
import json
import os
import re
import subprocess
import sys
import textwrap

BEGIN = "<!-- options: written by tools/generate_docs.py -->"
END = "<!-- end of options -->"


def describe(program):
    text = subprocess.run([program, "describe", "--json"], check=True, capture_output=True).stdout
    return json.loads(text)


def visible(items):
    return [i for i in items if not i["hidden"]]


def verbs(tree):
    return sorted(visible(tree["commands"]), key=lambda c: c["name"])


HELP = {"name": "help", "type": "flag", "help": "Print this help", "completion": "none",
        "origin": "docker", "hidden": False}


def options(command):
    own = visible(command["options"])
    if not any(o["name"] == "help" for o in own):
        own = own + [HELP]
    return sorted(own, key=lambda o: o["name"])


def page_name(command):
    return command["name"].replace(" ", "-")


def names(source):
    """From the table alone, so that the build knows its outputs before it has built the program."""
    text = open(os.path.join(source, "src/cli/commands.c")).read()
    text = text[text.index("commands[] = {"):]
    text = text[:text.index("NULL,")].split("/* Hidden */")[0]
    return [n.replace("_", "-") for n in re.findall(r"&command_(\w+),", text)]


# Shells

def kind(option):
    if option["completion"] == "words":
        return "words:" + option["words"]
    return option["completion"]


def spellings(option):
    return (["-" + option["short"]] if "short" in option else []) + ["--" + option["name"]]


BASH = r"""# bash completion for cloison. Made from the program's own options by tools/generate_docs.py.

_cloison_options()
{
    case $1 in
@OPTIONS@
    esac
}

# What the value of option $2 of the verb $1 is; nothing for a flag.
_cloison_value()
{
    case "$1 $2" in
@VALUES@
    esac
}

# What the arguments of the verb $1 are.
_cloison_argument()
{
    case $1 in
@ARGUMENTS@
    esac
}

# Whether all words behind the first argument of the verb $1 are the workload's.
_cloison_ends()
{
    case $1 in
    @ENDS@) return 0 ;;
    esac
    return 1
}

# _cloison_reply KIND PREFIX
_cloison_reply()
{
    local IFS=$' \n'
    case $1 in
    none | '') COMPREPLY=() ;;
    file)
        compopt -o filenames 2>/dev/null
        IFS=$'\n' COMPREPLY=($(compgen -f -- "$2"))
        ;;
    folder)
        compopt -o filenames 2>/dev/null
        IFS=$'\n' COMPREPLY=($(compgen -d -- "$2"))
        ;;
    words:*) COMPREPLY=($(compgen -W "${1#words:}" -- "$2")) ;;
    *) COMPREPLY=($(compgen -W "$("$_cloison_program" complete "$1" 2>/dev/null)" -- "$2")) ;;
    esac
}

_cloison()
{
    local line=${COMP_LINE:0:COMP_POINT} words=() cur verb='' first='' i word want=''
    local _cloison_program
    # The line's own words: bash would cut them at ':' and '=' as well.
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    cur=${words[${#words[@]} - 1]}
    _cloison_program=${words[0]/#\~/$HOME}
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ -n $want ]]; then
            want=''
        elif [[ $word == -* ]]; then
            [[ $word == *=* ]] || want=$(_cloison_value "$verb" "$word")
        elif [[ -z $verb ]]; then
            verb=$word
            case $verb in
            @NOUNS@) verb="$verb ${words[++i]}" ;;
            esac
        else
            first=${first:-$word}
        fi
    done
    if [[ -n $want ]]; then
        _cloison_reply "$want" "$cur"
    elif [[ -n $first ]] && _cloison_ends "$verb"; then
        _cloison_reply file "$cur"
    elif [[ $cur == --*=* ]]; then
        _cloison_reply "$(_cloison_value "$verb" "${cur%%=*}")" "${cur#*=}"
        COMPREPLY=("${COMPREPLY[@]/#/${cur%%=*}=}")
    elif [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$(_cloison_options "$verb")" -- "$cur"))
    elif [[ -z $verb ]]; then
        COMPREPLY=($(compgen -W '@WORDS@' -- "$cur"))
    elif [[ $verb == *' ' || $verb == *" $cur" ]]; then
        case ${verb%% *} in
@SUBVERBS@
        esac
    else
        _cloison_reply "$(_cloison_argument "$verb")" "$cur"
    fi
    # What bash has cut off at ':' or '=' it wants not to see again.
    local cut=${cur%"${cur##*[:=]}"} char
    for char in : =; do
        [[ $cut == *"$char"* && $COMP_WORDBREAKS != *"$char"* ]] && cut=''
    done
    [[ -n $cut ]] && COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    return 0
}

complete -F _cloison cloison
"""


def nouns(tree):
    return sorted({c["name"].split()[0] for c in verbs(tree) if " " in c["name"]})


def first_words(tree):
    return sorted({c["name"].split()[0] for c in verbs(tree)})


def below(tree, noun):
    return [c["name"].split()[1] for c in verbs(tree) if c["name"].startswith(noun + " ")]


def by_value(items, indent="    "):
    """Case branches with one echo for all patterns that share it."""
    groups = {}
    for pattern, value in items:
        groups.setdefault(value, []).append(f"'{pattern}'")
    lines = []
    for value, patterns in groups.items():
        wrapped = textwrap.wrap(" | ".join(patterns) + ")", 92, break_long_words=False,
                                break_on_hyphens=False)
        lines += [indent + w + (" \\" if i + 1 < len(wrapped) else "")
                  for i, w in enumerate(wrapped)]
        lines.append(f"{indent}    echo '{value}' ;;")
    return "\n".join(lines) if lines else indent + ":) ;;"


def bash(tree):
    every = [tree["global"]] + verbs(tree)
    opts, values, arguments = [], [], []
    for c in every:
        opts.append((c["name"], " ".join(s for o in options(c) for s in spellings(o))))
        for o in options(c):
            if o["type"] != "flag":
                values += [(f"{c['name']} {s}", kind(o)) for s in spellings(o)]
        if c["argumentCompletion"] != "none":
            arguments.append((c["name"], c["argumentCompletion"]))
    ends = [f"'{c['name']}'" for c in every if c["optionsEndAtArgument"] and c["name"]]
    sub = "\n".join(f"        {n}) COMPREPLY=($(compgen -W '{' '.join(below(tree, n))}' -- \"$cur\")) ;;"
                    for n in nouns(tree))
    return (BASH.replace("@OPTIONS@", by_value(opts)).replace("@VALUES@", by_value(values))
            .replace("@ARGUMENTS@", by_value(arguments)).replace("@ENDS@", " | ".join(ends) or "-")
            .replace("@NOUNS@", " | ".join(nouns(tree)) or "-")
            .replace("@SUBVERBS@", sub or "        -) ;;")
            .replace("@WORDS@", " ".join(first_words(tree))))


def zsh_quote(text):
    """For the inside of '…' in a specification of _arguments."""
    text = re.sub(r"([\[\]:\\])", r"\\\1", text)
    return text.replace("'", "'\\''")


def zsh_action(name):
    if name.startswith("words:"):
        return "(" + name[6:] + ")"
    return {"file": "_files", "folder": "_files -/", "none": " "}.get(name, f"_cloison_words {name}")


def zsh_option(option, tree_option=True):
    """One specification; both spellings exclude each other unless they may be repeated."""
    forms = spellings(option)
    repeat = "*" if option["type"] == "list" else ""
    exclude = "" if repeat or len(forms) == 1 else "(" + " ".join(forms) + ")"
    text = f"[{zsh_quote(option['help'])}]"
    if option["type"] != "flag":
        text += f":{zsh_quote(option['metavar'])}:{zsh_action(kind(option))}"
    specs = []
    for form in forms:
        # -xVALUE or -x VALUE; --x=VALUE or --x VALUE
        joint = "" if option["type"] == "flag" else "=" if form.startswith("--") else "+"
        specs.append(f"'{exclude}{repeat}{form}{joint}{text}'")
    return specs


def zsh_arguments(command, indent):
    specs = [s for o in options(command) for s in zsh_option(o)]
    words = command["argumentCompletion"]
    if command["optionsEndAtArgument"]:
        specs += [f"'1:argument:{zsh_action(words)}'", "'*:: :_files'"]
    elif words != "none":
        specs.append(f"'*:argument:{zsh_action(words)}'")
    return (" \\\n" + indent).join(["_arguments -s -S"] + specs)


def zsh(tree):
    lines = ["#compdef cloison",
             "# Made from the program's own options by tools/generate_docs.py.", "",
             "_cloison_words()", "{", "    # What _arguments wants of compadd comes in front of the kind.",
             "    local kind=${@[-1]}", "    local -a found",
             '    found=(${(f)"$(_call_program $kind ${_cloison_program:-cloison} complete $kind)"})',
             '    compadd "${@[1,-2]}" -a found', "}", "", "_cloison_commands()", "{", "    local -a list",
             "    list=("]
    done = set()
    for c in verbs(tree):
        word = c["name"].split()[0]
        if word not in done:
            done.add(word)
            summary = c["summary"] if " " not in c["name"] else f"Commands on {word}s"
            lines.append(f"        '{word}:{zsh_quote(summary)}'")
    lines += ["    )", "    _describe -t commands command list", "}", "", "_cloison()", "{",
              "    local curcontext=$curcontext state ret=1",
              "    local _cloison_program=$words[1]",
              "    typeset -A opt_args",
              "    _arguments -C -S -A '-*' \\"]
    lines += ["        " + s + " \\" for o in options(tree["global"]) for s in zsh_option(o)]
    lines += ["        '1: :_cloison_commands' \\", "        '*:: :->verb' && ret=0",
              "    [[ $state == verb ]] || return ret", "    case $words[1] in"]
    for noun in nouns(tree):
        lines += [f"    {noun})", "        if ((CURRENT == 2)); then",
                  f"            compadd {' '.join(below(tree, noun))} && ret=0",
                  "        else", "            shift words", "            ((CURRENT--))",
                  "            case $words[1] in"]
        for c in verbs(tree):
            if c["name"].startswith(noun + " "):
                lines += [f"            {c['name'].split()[1]})",
                          "                " + zsh_arguments(c, " " * 20) + " && ret=0",
                          "                ;;"]
        lines += ["            esac", "        fi", "        ;;"]
    for c in verbs(tree):
        if " " not in c["name"]:
            lines += [f"    {c['name']})", "        " + zsh_arguments(c, " " * 12) + " && ret=0",
                      "        ;;"]
    lines += ["    esac", "    return ret", "}", "", '_cloison "$@"']
    return "\n".join(lines) + "\n"


FISH = r"""# fish completion for cloison. Made from the program's own options by tools/generate_docs.py.

# The verb's words on the line: those that are neither global options nor their values.
function __cloison_verb
    set -l words (commandline -opc)
    set -e words[1]
    set -l found
    set -l skip 0
    for word in $words
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case @GLOBAL_VALUES@
                test (count $found) = 0; and set skip 1
            case '-*'
            case '*'
                set found $found $word
        end
    end
    test (count $found) -gt 0; and printf '%s\n' $found
end

function __cloison_is
    set -l found (__cloison_verb)
    test "$found[1]" = "$argv[1]"; or return 1
    test (count $argv) = 1; or test "$found[2]" = "$argv[2]"
end

function __cloison_at_start
    test (count (__cloison_verb)) = 0
end

function __cloison_below
    set -l found (__cloison_verb)
    test (count $found) = 1; and test "$found[1]" = "$argv[1]"
end

complete -c cloison -f
"""


def fish_quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_values(name):
    if name.startswith("words:"):
        return f" -x -a {fish_quote(name[6:])}"
    if name == "file":
        return " -r -F"
    if name == "folder":
        return " -x -a '(__fish_complete_directories)'"
    return " -x" if name == "none" else f" -x -a '(cloison complete {name})'"


def fish_option(condition, o):
    line = f"complete -c cloison -n '{condition}'"
    if "short" in o:
        line += f" -s {o['short']}"
    line += f" -l {o['name']}"
    if o["type"] != "flag":
        line += fish_values(kind(o))
    return line + f" -d {fish_quote(o['help'])}"


def fish(tree):
    takes = [s for o in options(tree["global"]) if o["type"] != "flag" for s in spellings(o)]
    lines = [FISH.replace("@GLOBAL_VALUES@", " ".join(takes))]
    lines += [fish_option("__cloison_at_start", o) for o in options(tree["global"])]
    for c in verbs(tree):
        words = c["name"].split()
        at = "__cloison_at_start" if len(words) == 1 else f"__cloison_below {words[0]}"
        lines.append(f"complete -c cloison -n '{at}' -a {words[-1]} -d {fish_quote(c['summary'])}")
    for noun in nouns(tree):
        lines.append(f"complete -c cloison -n '__cloison_at_start' -a {noun}")
    for c in verbs(tree):
        condition = "__cloison_is " + c["name"]
        lines += [fish_option(condition, o) for o in options(c)]
        argument = c["argumentCompletion"]
        if argument in ("file", "folder"):
            lines.append(f"complete -c cloison -n '{condition}' -F")
        elif argument != "none":
            lines.append(f"complete -c cloison -n '{condition}' -a '(cloison complete {argument})'")
    return "\n".join(lines) + "\n"


# Man pages

def roff(text):
    text = text.replace("\\", "\\e")
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    text = re.sub(r"`([^`]+)`", lambda m: "\\fB" + m.group(1).replace("-", "\\-") + "\\fP", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"\\fB\1\\fP", text)
    text = text.replace("…", "...").replace("→", "\\(->").replace("≤", "\\(<=")
    text = text.replace("≥", "\\(>=").replace("×", "\\(mu").replace("–", "\\(en")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def literal(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def roff_table(rows):
    """A table of a page as a list: the first column tags the rest."""
    out = []
    for row in rows:
        cells = [c.strip() for c in row.strip().strip("|").split("|")]
        if all(re.fullmatch(r":?-+:?", c) for c in cells):
            out = [] if len(out) == 1 else out  # the head says what the section's title says
            continue
        out.append(f".TP\n{roff(cells[0]) or '-'}\n" + roff("; ".join(c for c in cells[1:] if c)))
    return [x for x in out]


def roff_body(markdown):
    """The few forms that the pages use: paragraphs, fenced code, lists, tables, headings."""
    out, lines, i, after_heading = [], markdown.strip("\n").split("\n"), 0, True

    def paragraph():
        if not after_heading:
            out.append(".PP")
    while i < len(lines):
        line = lines[i]
        if not line.strip() or line.startswith("<!--"):
            i += 1
            continue
        if line.startswith("```") or line.startswith("    "):
            fenced = line.startswith("```")
            i += fenced
            code = []
            while i < len(lines) and (not lines[i].startswith("```") if fenced else
                                      lines[i].startswith("    ") or not lines[i].strip()):
                code.append(lines[i] if fenced else lines[i][4:])
                i += 1
            i += fenced
            while code and not code[-1].strip():
                code.pop()
            paragraph()
            out += [".RS 4", ".nf", literal("\n".join(code)), ".fi", ".RE"]
        elif line.startswith("#"):
            out.append((".SH " if line.startswith("## ") else ".SS ") +
                       '"' + roff(line.lstrip("# ")).upper().replace('"', "'") + '"'
                       if line.startswith("## ") else '.SS "' + roff(line.lstrip("# ")) + '"')
            i += 1
            after_heading = True
            continue
        elif line.startswith("- "):
            item = line[2:]
            i += 1
            while i < len(lines) and lines[i].startswith("  "):
                item += "\n" + lines[i].strip()
                i += 1
            out += [".IP \\(bu 2", roff(item)]
        elif line.startswith("|"):
            rows = []
            while i < len(lines) and lines[i].startswith("|"):
                rows.append(lines[i])
                i += 1
            out += roff_table(rows)
        else:
            text = []
            while i < len(lines) and lines[i].strip() and not re.match(r"(```|#|- |\|)", lines[i]):
                text.append(lines[i].strip())
                i += 1
            paragraph()
            out.append(roff("\n".join(text)))
        after_heading = False
    return "\n".join(out)


def roff_options(command):
    out = []
    for o in options(command):
        tag = ", ".join("\\fB" + s.replace("-", "\\-") + "\\fP" for s in spellings(o))
        if o["type"] != "flag":
            tag += " \\fI" + literal(o["metavar"]) + "\\fP"
        out.append(f".TP\n{tag}\n{roff(o['help'])}.")
    return "\n".join(out)


def page_parts(docs, command):
    """What stands in front of the options in a verb's page, and what behind them."""
    path = os.path.join(docs, (page_name(command) or "cloison") + ".md")
    text = open(path).read() if os.path.exists(path) else ""
    text = re.sub(r"\A# .*\n", "", text)
    # The usage line has a section of its own in a man page.
    text = re.sub(r"^    cloison %s.*\n" % re.escape(command["name"] or "["), "", text, count=1, flags=re.M)
    if BEGIN in text:
        before, rest = text.split(BEGIN, 1)
        after = rest.split(END, 1)[1] if END in rest else ""
        before = re.sub(r"## Options\s*\Z", "", before.rstrip() + "\n")
        return before, after
    return text, ""


def title(name, section, version):
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    day = (datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc).date() if epoch
           else datetime.date.today())
    return (f'.\\" Made from the program\'s own options and docs/cli by tools/generate_docs.py.\n'
            f'.TH {name.upper().replace("-", chr(92) + "-")} {section} "{day}" '
            f'"cloison {version}" "cloison"')


def man_page(tree, command, docs):
    name = "cloison-" + page_name(command)
    before, after = page_parts(docs, command)
    dashed = name.replace("-", "\\-")
    summary = command["summary"]
    parts = [title(name, 1, tree["version"]), ".SH NAME",
             f"{dashed} \\- {roff(summary[0].lower() + summary[1:])}", ".SH SYNOPSIS",
             f"\\fBcloison {literal(command['name'])}\\fP {literal(command['arguments'])}",
             ".SH DESCRIPTION", roff_body(before) or roff(summary) + ".",
             ".SH OPTIONS", roff_options(command)]
    if after.strip():
        parts.append(roff_body(after))
    parts += [".SH SEE ALSO", ".BR cloison (1)"]
    return "\n".join(parts) + "\n"


def main_page(tree, docs):
    before, after = page_parts(docs, tree["global"])
    parts = [title("cloison", 1, tree["version"]), ".SH NAME",
             "cloison \\- containers and their images, without a daemon", ".SH SYNOPSIS",
             f"\\fBcloison\\fP {literal(tree['global']['arguments'])}", ".SH DESCRIPTION",
             roff_body(before) or roff(tree["global"]["summary"]), ".SH OPTIONS",
             roff_options(tree["global"])]
    group = None
    parts.append(".SH COMMANDS")
    for c in visible(tree["commands"]):
        if c["group"] != group:
            group = c["group"]
            parts.append(f'.SS "{group}"')
        parts.append(f".TP\n.BR cloison\\-{page_name(c).replace('-', chr(92) + '-')} (1)\n"
                     f"{roff(c['summary'])}.")
    if after.strip():
        parts.append(roff_body(after))
    return "\n".join(parts) + "\n"


def man(tree, docs, out):
    for c in verbs(tree):
        with open(os.path.join(out, f"cloison-{page_name(c)}.1"), "w") as f:
            f.write(man_page(tree, c, docs))
    with open(os.path.join(out, "cloison.1"), "w") as f:
        f.write(main_page(tree, docs))


# The pages of docs/cli

def option_rows(command):
    rows = ["| Option | Meaning |", "| --- | --- |"]
    for o in options(command):
        forms = ", ".join(f"`{s}`" for s in spellings(o))
        value = f" *{o['metavar']}*" if o["type"] != "flag" else ""
        ours = " (cloison's own)" if o["origin"] == "cloison" and command["name"] else ""
        rows.append(f"| {forms}{value} | {o['help']}{ours} |".replace("\\|", "|"))
    return "\n".join(rows)


def escape_bars(text):
    """A bar inside a cell."""
    out = []
    for row in text.split("\n"):
        cells = row[2:-2].split(" | ")
        out.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(out)


def with_options(text, command):
    block = f"{BEGIN}\n{escape_bars(option_rows(command))}\n{END}"
    if BEGIN in text and END in text:
        return text[:text.index(BEGIN)] + block + text[text.index(END) + len(END):]
    return text.rstrip() + "\n\n## Options\n\n" + block + "\n"


def fresh_page(command):
    return (f"# cloison {command['name']}\n\n{command['summary']}.\n\n"
            f"    cloison {command['name']} {command['arguments']}\n")


def pages(tree):
    top = dict(tree["global"])
    return [("cloison", top)] + [(page_name(c), c) for c in verbs(tree)]


def update(tree, docs):
    for name, command in pages(tree):
        path = os.path.join(docs, name + ".md")
        old = open(path).read() if os.path.exists(path) else fresh_page(command)
        new = with_options(old, command)
        if not os.path.exists(path) or new != old:
            with open(path, "w") as f:
                f.write(new)
            print(path)


def check(tree, docs, program):
    results = []

    def result(good, what):
        results.append(f"{'ok' if good else 'not ok'} {len(results) + 1} - {what}")

    for name, command in pages(tree):
        path = os.path.join(docs, name + ".md")
        text = open(path).read() if os.path.exists(path) else ""
        result(text != "", f"{name}: has a page in docs/cli")
        result(text == "" or with_options(text, command) == text,
               f"{name}: its page's options are the program's (tools/generate_docs.py update)")
        prose = re.sub(r"^([#|]|    ).*", "", text.split(BEGIN)[0], flags=re.M)
        result(len(prose.split()) >= 15, f"{name}: its page explains, in front of the options")
        bare = [o["name"] for o in options(command) if len(o["help"].split()) < 2 and
                o["name"] not in ("quiet",)]
        result(not bare, f"{name}: every option has prose {bare or ''}")
        words = command["name"].split() + ["--help"]
        done = subprocess.run([program] + words, capture_output=True, text=True)
        result(done.returncode == 0 and not done.stderr and done.stdout.startswith("Usage: "),
               f"{name}: --help is on standard output")
        long = [l for l in done.stdout.split("\n") if len(l) > 80]
        result(not long, f"{name}: --help fits in 80 columns {long or ''}")
        missing = [o["name"] for o in options(command) if f"--{o['name']}" not in done.stdout]
        result(not missing, f"{name}: --help names every option {missing or ''}")
    known = {n + ".md" for n, _ in pages(tree)} | {"README.md"}
    stray = sorted(set(f for f in os.listdir(docs) if f.endswith(".md")) - known)
    result(not stray, f"no page without its command {stray or ''}")
    print(f"1..{len(results)}\n" + "\n".join(results))
    return any(r.startswith("not") for r in results)


# cloison-oci: one page with all verbs, one man page in section 8

def renamed(text, program):
    """A completion made for cloison as another program's: its functions, then its name."""
    if program == "cloison":
        return text
    text = re.sub(r"(?<=_)cloison(?![a-z])", program.replace("-", "_"), text)
    return re.sub(r"(?<![\w/-])cloison(?![\w-])", program, text)


def usage(tree, command):
    return f"{tree['program']} {command['name']} {command['arguments']}".strip()


def one_page(text, tree):
    """The page with its block of options written anew."""
    parts = ["### Options in front of the command\n\n" + escape_bars(option_rows(tree["global"]))]
    for c in visible(tree["commands"]):
        parts.append(f"### {c['name']}\n\n{c['summary']}.\n\n    {usage(tree, c)}\n\n"
                     + escape_bars(option_rows(c)))
    block = f"{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}"
    return text[:text.index(BEGIN)] + block + text[text.index(END) + len(END):]


def man8(tree, page, out):
    before, rest = re.sub(r"\A# .*\n", "", open(page).read()).split(BEGIN, 1)
    before = re.sub(r"## [^\n]*\s*\Z", "", before.rstrip() + "\n")
    program = tree["program"]
    parts = [title(program, 8, tree["version"]), ".SH NAME",
             literal(program) + " \\- an OCI container runtime", ".SH SYNOPSIS",
             f"\\fB{literal(program)}\\fP {literal(tree['global']['arguments'])}",
             ".SH DESCRIPTION", roff_body(before), ".SH OPTIONS", roff_options(tree["global"]),
             ".SH COMMANDS"]
    for c in visible(tree["commands"]):
        parts += [f'.SS "{c["name"]}"', roff(c["summary"]) + ".", ".PP",
                  f"\\fB{literal(usage(tree, c))}\\fP", roff_options(c)]
    parts += [roff_body(rest.split(END, 1)[1]), ".SH SEE ALSO", ".BR cloison (1)"]
    with open(os.path.join(out, program + ".8"), "w") as f:
        f.write("\n".join(p for p in parts if p) + "\n")


def check8(tree, page):
    text = open(page).read()
    same = one_page(text, tree) == text
    print(f"1..1\n{'' if same else 'not '}ok 1 - the page's options are the program's "
          "(tools/generate_docs.py update8)")
    return not same


def update8(tree, page):
    text = open(page).read()
    with open(page, "w") as f:
        f.write(one_page(text, tree))


def main(argv):
    if len(argv) < 3:
        sys.exit(__doc__)
    what, program = argv[1], argv[2]
    if what == "names":
        print("\n".join(names(program)))
        return 0
    tree = describe(program)
    if what in ("bash", "zsh", "fish"):
        text = {"bash": bash, "zsh": zsh, "fish": fish}[what](tree)
        sys.stdout.write(renamed(text, tree["program"]))
    elif what == "man":
        man(tree, argv[3], argv[4])
    elif what == "update":
        update(tree, argv[3])
    elif what == "check":
        return check(tree, argv[3], program)
    elif what == "man8":
        man8(tree, argv[3], argv[4])
    elif what == "update8":
        update8(tree, argv[3])
    elif what == "check8":
        return check8(tree, argv[3])
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
