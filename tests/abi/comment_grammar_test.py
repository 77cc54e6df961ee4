# SPDX-License-Identifier: Apache-2.0
"""Every function of the ABI states thread, lifecycle state, ownership and errors.

The grammar stands in docs/abi/comment-grammar.md. The words for states and errors come from the
lists in the headers themselves.
"""
import re
import unittest
from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[2] / "abi" / "include" / "berth"

TAGS = ["@thread", "@state", "@owner", "@errors"]
THREADS = ["control", "worker", "feed", "loop"]

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A declaration of a function pointer: a member of a struct, or a type of callback.
POINTER = re.compile(r"\(\*(\w+)\)\s*\(")


def list_of_macro(text, macro):
    """The first argument of each X(...) of a list macro."""
    body = re.search(rf"#define {macro}\(X\)(.*?[^\\])\n", text, re.DOTALL)
    return re.findall(r"X\((\w+),", body.group(1))


def words_of_headers():
    errors = (INCLUDE / "error.h").read_text(encoding="utf-8")
    lifecycle = (INCLUDE / "lifecycle.h").read_text(encoding="utf-8")
    return {
        "@thread": THREADS,
        "@state": list_of_macro(lifecycle, "BERTH_STATE_LIST"),
        "@errors": list_of_macro(errors, "BERTH_ERROR_LIST"),
    }


WORDS = words_of_headers()
# Words that stand alone instead of a list.
ALONE = {"@thread": ["any"], "@state": ["any"], "@errors": ["any", "none"]}


def functions(text):
    """(name, return type, comment or None) of every function pointer of a header."""
    comments = list(COMMENT.finditer(text))
    blank = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    for match in POINTER.finditer(blank):
        line_start = blank.rfind("\n", 0, match.start()) + 1
        if blank[line_start:].lstrip().startswith("#"):
            continue
        start = max(blank.rfind(c, 0, match.start()) for c in ";{}") + 1
        before = [c for c in comments if start <= c.start() and c.end() <= match.start()]
        declared = blank[start:match.start()].split()
        returns = " ".join(w for w in declared if w != "typedef")
        yield match.group(1), returns, before[-1].group() if before else None


def lines_of(comment):
    inner = comment[2:-2].splitlines()
    return [re.sub(r"^\s*\*? ?", "", line).strip() for line in inner]


def check_words(tag, value):
    words = value.split()
    if not words:
        return [f"{tag} is empty"]
    if tag == "@owner":
        return []
    if len(words) == 1 and words[0] in ALONE[tag]:
        return []
    unknown = [w for w in words if w not in WORDS[tag]]
    if unknown:
        return [f"{tag} has the unknown word {w}" for w in unknown]
    if len(set(words)) != len(words):
        return [f"{tag} has a word twice"]
    order = [WORDS[tag].index(w) for w in words]
    if tag == "@state" and order != sorted(order):
        return ["@state is not in the order of the lifecycle"]
    return []


def check_comment(returns, comment):
    """What is wrong with one function's comment; empty when nothing is."""
    if comment is None:
        return ["no comment"]
    lines = [line for line in lines_of(comment) if line]
    at = next((i for i, line in enumerate(lines) if line.startswith("@")), len(lines))
    wrong = [] if at else ["no text before the tags"]
    tagged = [line.partition(" ") for line in lines[at:]]
    names = [name for name, _, _ in tagged]
    if names != TAGS:
        return wrong + [f"the tags are {' '.join(names) or 'missing'}, not {' '.join(TAGS)}"]
    for name, _, value in tagged:
        wrong += check_words(name, value)
    if returns == "void" and tagged[3][2].strip() != "none":
        wrong.append("it returns nothing, so that @errors is none")
    return wrong


def check_header(text):
    return {name: wrong for name, returns, comment in functions(text)
            if (wrong := check_comment(returns, comment))}


class Headers(unittest.TestCase):
    def test_each_function_keeps_the_grammar(self):
        for path in sorted(INCLUDE.rglob("*.h")):
            with self.subTest(header=path.name):
                self.assertEqual(check_header(path.read_text(encoding="utf-8")), {})

    def test_functions_are_found(self):
        counts = {p.name: len(list(functions(p.read_text(encoding="utf-8"))))
                  for p in INCLUDE.rglob("*.h")}
        for header in ("routes.h", "settings.h", "nodes.h", "store.h", "identity.h", "loop.h",
                       "worker.h", "secrets.h", "log.h", "metrics.h", "state.h",
                       "lifecycle.h", "plugin.h"):
            self.assertGreater(counts[header], 0, header)

    def test_no_struct_has_more_functions_than_were_found(self):
        """A capability's size is its header and eight bytes for each function."""
        for path in INCLUDE.rglob("*.h"):
            text = path.read_text(encoding="utf-8")
            for name, body in re.findall(r"\nstruct (berth_\w+_v\d+) \{(.*?)\n\};", text,
                                         re.DOTALL):
                size = int(re.search(rf"BERTH_ASSERT_SIZE\(struct {name}, (\d+)\)", text).group(1))
                with self.subTest(struct=name):
                    self.assertEqual(len(list(functions(body))), (size - 8) // 8)

    def test_lifecycle_comments_agree_with_the_table(self):
        text = (INCLUDE / "lifecycle.h").read_text(encoding="utf-8")
        table = re.search(r"#define BERTH_LIFECYCLE_TABLE\(X\)(.*?[^\\])\n", text, re.DOTALL)
        rows = re.findall(r"X\((\w+), (\w+), (\w+)\)", table.group(1))
        for name, _, comment in functions(text):
            stated = next(line for line in lines_of(comment) if line.startswith("@state"))
            with self.subTest(call=name):
                self.assertEqual(stated.split()[1:], [s for s, call, _ in rows if call == name])


GOOD = """
struct berth_things_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Makes a thing.
     * @thread control worker
     * @state CREATED STARTED
     * @owner the caller releases the thing
     * @errors INVALID NO_MEMORY
     */
    int32_t (*make)(const struct berth_host *host, void **out_thing);
};
"""


class TheTestItself(unittest.TestCase):
    def test_a_good_comment_passes(self):
        self.assertEqual([n for n, _, _ in functions(GOOD)], ["make"])
        self.assertEqual(check_header(GOOD), {})

    # (what is planted, text that is replaced, its replacement, what must be said)
    FAULTS = [
        ("a missing tag", "     * @owner the caller releases the thing\n", "", "the tags are"),
        ("a missing last tag", "     * @errors INVALID NO_MEMORY\n", "", "the tags are"),
        ("a misspelled tag", "@thread", "@thred", "the tags are"),
        ("an unknown tag", "     * @owner", "     * @since 1\n     * @owner", "the tags are"),
        ("tags out of order", "@thread control worker\n     * @state CREATED STARTED",
         "@state CREATED STARTED\n     * @thread control worker", "the tags are"),
        ("a tag twice", "     * @owner", "     * @state CREATED\n     * @owner", "the tags are"),
        ("text between the tags", "     * @owner", "     * and so on\n     * @owner",
         "the tags are"),
        ("text after the tags", "NO_MEMORY\n", "NO_MEMORY\n     * More.\n", "the tags are"),
        ("an unknown thread", "control worker", "control main", "unknown word main"),
        ("any beside another thread", "control worker", "any worker", "unknown word any"),
        ("an unknown state", "CREATED STARTED", "CREATED RUNNING", "unknown word RUNNING"),
        ("states out of order", "CREATED STARTED", "STARTED CREATED", "order of the lifecycle"),
        ("a state twice", "CREATED STARTED", "CREATED CREATED", "a word twice"),
        ("an unknown error", "INVALID NO_MEMORY", "EINVAL", "unknown word EINVAL"),
        ("none beside an error", "INVALID NO_MEMORY", "none INVALID", "unknown word none"),
        ("an empty tag", "@owner the caller releases the thing", "@owner", "@owner is empty"),
        ("no text", "     * Makes a thing.\n", "", "no text before"),
        ("errors of void", "int32_t (*make)", "void (*make)", "returns nothing"),
        ("a comment of something else", "    int32_t (*make)",
         "    void *user;\n    int32_t (*make)", "no comment"),
    ]

    def test_faults_are_found(self):
        for name, old, new, said in self.FAULTS:
            with self.subTest(name):
                planted = GOOD.replace(old, new)
                self.assertNotEqual(planted, GOOD)
                self.assertIn(said, " ".join(check_header(planted).get("make", [])))

    def test_a_callback_type_without_comment_is_found(self):
        text = "typedef void (*berth_thing_fn)(void *user);\n"
        self.assertEqual(check_header(text), {"berth_thing_fn": ["no comment"]})


if __name__ == "__main__":
    unittest.main()
