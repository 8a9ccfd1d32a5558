"""Jinja templates that can neither reach anything but their entity nor keep a run busy for ever.

A template has what it needs for texts and documents: ``if``, ``for``, ``set``, macros, and the filters and functions
named here. All that it does is paid from one budget for each rendering: a round of a loop, a call, and every character
that is made. What could grow without being seen, such as lists made of lists, is refused when the template is compiled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, NoReturn

from jinja2 import ChainableUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.tests import TESTS
from jinja2.utils import Namespace
from markupsafe import Markup

from haloitsm_transformers.errors import StepsError, TransformError, kind_of, suggest
from haloitsm_transformers.html_text import unescaped
from haloitsm_transformers.placeholders import as_text

BUDGET = 1_000_000
"""Rounds, calls and characters of one rendering."""
LONGEST_TEMPLATE = 100_000
_LARGEST_NUMBER_BITS = 10_000
_NAME = "<template>"

_FILTERS = frozenset(FILTERS) & {
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items", "last"),
    *("length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr"),
    *("sort", "title", "trim", "unique", "upper", "urlencode", "wordcount"),
}
_AT_ONCE = frozenset({"count", "d", "default", "first", "last", "length"})
"""Filters that do not go over what they are given."""
_OWN_FILTERS = ("join", "replace", "round", "string", "striptags", "sum", "tojson")
_MOST_DECIMALS = 20
_COMPARED_AT_ONCE = 5
"""Characters or items that are compared at the price of one round."""
_DICT_METHODS = frozenset({"get", "items", "keys", "values"})
_REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
}


def jinja_template(text: str, *, as_json: bool = False) -> Callable[[Mapping[str, Any]], str]:
    """Compile a template; what comes back takes an entity, whose fields are the variables, and returns a text.

    With ``as_json``, every ``{{ }}`` writes its value as JSON. Raises StepsError with the line when it is no template;
    the compiled one raises TransformError with the line where it cannot go on.
    """
    if len(text) > LONGEST_TEMPLATE:
        raise StepsError.of(f"a template is no longer than {LONGEST_TEMPLATE:,} characters")
    environment = _Environment(len(text), as_json)
    try:
        tree = environment.parse(text, _NAME)
        _bound(tree)
        code = environment.compile(tree, _NAME, _NAME)
    except TemplateSyntaxError as error:
        raise StepsError.of(
            f"line {error.lineno}: {str(error.message).rstrip('.')}", _hint(str(error.message))
        ) from None
    except RecursionError:
        raise StepsError.of("the template is nested too deeply") from None
    template = environment.template_class.from_code(environment, code, environment.globals)

    def render(entity: Mapping[str, Any]) -> str:
        environment.left = BUDGET
        try:
            return template.render(entity, entity=entity)
        except TransformError as error:
            raise TransformError(f"{_line(error)}{error.what}") from None
        except RecursionError:
            raise TransformError("the template calls itself without end") from None
        except Exception as error:
            raise TransformError(f"{_line(error)}{str(error).rstrip('.') or type(error).__name__}") from None

    return render


def _hint(message: str) -> str:
    name = message.removeprefix("No filter named '").partition("'")[0]
    known = [*_FILTERS, *_OWN_FILTERS]
    return (
        (suggest(name, known) or f"There are: {', '.join(sorted(known))}.") if message.startswith("No filter") else ""
    )


def _line(error: BaseException) -> str:
    """Say the line of the template in which an error arose, innermost."""
    line, trace = 0, error.__traceback__
    while trace:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == _NAME else line
        trace = trace.tb_next
    return f"line {line} of the template: " if line else ""


def _bound(tree: nodes.Template) -> None:
    """Refuse what has no bound, and make loops, parts, comparisons and ``~`` pay."""
    for node in tree.find_all(nodes.Node):
        if name := _REFUSED.get(type(node)):
            _refuse(node, f"'{name}' is not taken here: a template stands alone")
        if isinstance(node, nodes.For):
            if node.recursive:
                _refuse(node, "a recursive loop is not taken here; a macro can call itself")
            written = sum(len(data.data) for part in node.body for data in part.find_all(nodes.TemplateData))
            node.iter = _paid("rounds", [node.iter, nodes.Const(written)], node)
        elif isinstance(node, (nodes.List, nodes.Dict)) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
            _constant(node)
    for node in list(tree.find_all(nodes.Concat)):
        node.nodes = [_paid("joined", list(node.nodes), node)]
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.arg, nodes.Slice):  # for which Jinja would not ask the environment
            bounds = [bound or nodes.Const(None) for bound in (item.arg.start, item.arg.stop, item.arg.step)]
            item.arg = _paid("part", bounds, item)
    for compare in list(tree.find_all(nodes.Compare)):
        compare.expr = _compared_part(compare.expr)
        for operand in compare.ops:
            operand.expr = _compared_part(operand.expr)


def _compared_part(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _paid("compared", [node], node)


def _paid(method: str, arguments: list[Any], node: nodes.Node) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(method), arguments, [], None, None, lineno=node.lineno)


def _constant(node: nodes.Expr) -> None:
    try:
        node.as_const()
    except nodes.Impossible:
        _refuse(node, "a list or object that is written in a template can hold constants only")


def _refuse(node: nodes.Node, what: str) -> NoReturn:
    raise TemplateSyntaxError(what, node.lineno)


class _Environment(ImmutableSandboxedEnvironment):
    """One template's own: it reads JSON values, calls what is named here, and keeps account."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, length: int, as_json: bool) -> None:
        super().__init__(undefined=ChainableUndefined, finalize=self._as_json if as_json else self.text)
        self.left = BUDGET
        self._length = length
        self.filters = {
            name: self._paying(FILTERS[name], _nothing if name in _AT_ONCE else _length) for name in _FILTERS
        }
        tests: Mapping[str, Any] = TESTS
        self.tests = {name: self._paying(test, _compared) for name, test in tests.items()}
        self.filters |= {
            "join": self._join,
            "replace": self._replace,
            "round": self._round,
            "string": self.text,
            "striptags": self._striptags,
            "sum": self._sum,
            "tojson": lambda value: Markup(self._json(value)),  # noqa: S704 - marks JSON, there is no HTML here
        }
        self.globals = {"range": safe_range, "namespace": Namespace}

    def pay(self, price: int) -> None:
        """Take from the budget; TransformError when it is used up."""
        self.left -= price
        if self.left < 0:
            raise TransformError(f"the template comes to more than {BUDGET:,} rounds, calls and characters")

    def rounds(self, items: Any, written: int) -> Any:
        """Return the items of a loop, paid for with the text that stands in its body; none for null."""
        if items is None or isinstance(items, Undefined):
            return []
        if isinstance(items, str):
            raise TransformError("a loop runs over a list or an object, not text")
        listed = list(items)
        self.pay(len(listed) * (1 + written))
        return listed

    def joined(self, *parts: Any) -> str:
        """Do what ``~`` does."""
        return "".join([self.text(part) for part in parts])

    def part(self, start: Any, stop: Any, step: Any) -> slice:
        """Return what `getitem` takes for ``[start:stop:step]``, and is paid for."""
        return slice(start, stop, step)

    def compared(self, value: Any) -> Any:
        """Return a value that is compared with another, paid for with its size."""
        self.pay(_compared(value))
        return value

    def text(self, value: Any) -> str:
        """Write a value inside a text; TransformError for null, lists and objects."""
        written = None if isinstance(value, Undefined) else as_text(value)
        if written is None:
            null = value is None or isinstance(value, Undefined)
            hint = "write {{ name or '' }} if that is fine" if null else "write {{ name | tojson }} for its JSON"
            got = "null" if null else kind_of(value)
            raise TransformError(f"a placeholder gives {got}, which cannot stand inside a text; {hint}")
        self.pay(1 + len(written))
        return written

    def _as_json(self, value: Any) -> str:
        return value if isinstance(value, Markup) else self._json(value)

    def _json(self, value: Any) -> str:
        if isinstance(value, (list, tuple)):  # a filter may have made it of many references to large parts
            return f"[{','.join([self._json(item) for item in value])}]"
        written = json.dumps(None if isinstance(value, Undefined) else value, ensure_ascii=False, allow_nan=False)
        self.pay(1 + len(written))
        return written

    def _join(self, items: Any, between: str = "", attribute: str | None = None) -> str:
        parts = self.rounds(items, len(between))
        return between.join([self.text(self.getitem(part, attribute) if attribute else part) for part in parts])

    def _replace(self, text: Any, old: str, new: str) -> str:
        written = self.text(text)
        self.pay(written.count(old) * len(new))
        return written.replace(old, new)

    def _round(self, value: Any, precision: int = 0, method: str = "common") -> Any:
        if not isinstance(precision, int) or abs(precision) > _MOST_DECIMALS:
            raise TransformError(f"'round' takes up to {_MOST_DECIMALS} decimals")
        return FILTERS["round"](value, precision, method)

    def _sum(self, items: Any, attribute: str | None = None, start: Any = 0) -> Any:
        if not isinstance(start, (int, float)):
            raise TransformError("'sum' is for numbers")
        return sum(map(make_attrgetter(self, attribute), self.rounds(items, 0)), start)

    def _striptags(self, value: Any) -> str:
        written = _without(_without(self.text(value), "<!--", "-->"), "<", ">")
        return unescaped(" ".join(written.split()))

    def _paying(self, function: Callable[..., Any], price: Callable[[Any], int]) -> Callable[..., Any]:
        @wraps(function)  # Jinja reads from its attributes what else to pass
        def paying(*args: Any, **options: Any) -> Any:
            self.pay(sum(map(price, (*args, *options.values()))))
            made = function(*args, **options)
            made = list(made) if hasattr(made, "__next__") else made
            self.pay(1 + (len(made) if isinstance(made, (str, list)) else 0))
            return made

        return paying

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Read a field; of an object without it, one of the methods that go over its fields."""
        if isinstance(obj, dict):
            if attribute in obj:
                return obj[attribute]
            if attribute in _DICT_METHODS:
                return getattr(obj, attribute)
        elif isinstance(obj, (LoopContext, Namespace)):
            return super().getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Read a field, an item, or a part of a list or text."""
        try:
            found = obj[argument]
            if isinstance(argument, slice):
                self.pay(len(found))
            return found
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=str(argument))

    def is_safe_callable(self, obj: Any) -> bool:
        """Tell whether a template may call it."""
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        return (
            isinstance(obj, Macro)
            or obj in (safe_range, Namespace, self.rounds, self.joined, self.part, self.compared)
            or (isinstance(owner, dict) and name in _DICT_METHODS)
            or (isinstance(owner, LoopContext) and name in {"changed", "cycle"})
        )

    def call(self, context: Any, obj: Any, /, *args: Any, **options: Any) -> Any:
        """Call what may be called; a macro pays for the text that it may hold."""
        if not self.is_safe_callable(obj):
            raise TransformError(
                "a template calls its own macros, range() and namespace(); for the rest there are filters"
            )
        taken = self._length if isinstance(obj, Macro) else sum(map(_length, args))
        self.pay(1 + taken)
        return super().call(context, obj, *args, **options)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute, within bounds."""
        if operator == "%" and isinstance(left, str):
            raise TransformError("'%' is for numbers; '~' joins texts")
        if operator in ("*", "**"):
            self._bound_product(operator, left, right)
        made = super().call_binop(context, operator, left, right)
        self.pay(1 + (len(made) if isinstance(made, (str, list)) else 0))
        return made

    def _bound_product(self, operator: str, left: Any, right: Any) -> None:
        if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
            raise TransformError(f"'{operator}' is for numbers")
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
            if bits > _LARGEST_NUMBER_BITS:
                raise TransformError("a number becomes too large")


def _nothing(value: Any) -> int:
    return 0


def _length(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else 0


def _compared(value: Any) -> int:
    """Return the price of comparing a value, with all that is in it."""
    size, level = 0, [value]
    while level:
        size += sum(map(_length, level))
        inner = [item for each in level for item in _members(each)]
        level = [item for item in inner if isinstance(item, (str, list, tuple, dict))]
    return size // _COMPARED_AT_ONCE


def _members(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()


def _without(text: str, start: str, end: str) -> str:
    """Return a text without what stands between two marks, in one pass."""
    kept, position = [], 0
    while (opening := text.find(start, position)) >= 0 and (closing := text.find(end, opening)) >= 0:
        kept.append(text[position:opening])
        position = closing + len(end)
    return "".join([*kept, text[position:]])
