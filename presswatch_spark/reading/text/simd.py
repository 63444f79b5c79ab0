"""Intrinsics that numba lacks and LLVM has: work on 64 bytes at once, single instructions on words.

They are written in LLVM's portable vectors, which LLVM compiles to the best instructions of each machine.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

from llvmlite import ir

from presswatch_spark.core.compiled import intrinsic, types

Generate = Callable[[Any, Any, Any, Any], Any]

_BYTE, _INDEX, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_CASE = _SPACE = 0x20
_LETTERS, _DIGITS, _WHITE_CONTROLS = 26, 10, 5


@intrinsic
def trailing_zeros(typing: Any, x: Any) -> tuple[Any, Generate]:
    """Count the zero bits below the lowest bit that is set; 64 if none is. One instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), generate


@intrinsic
def count_ones(typing: Any, x: Any) -> tuple[Any, Generate]:
    """Count the bits that are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def equal_bits_64(typing: Any, data: Any, i: Any, byte: Any) -> tuple[Any, Generate]:
    """Return a bit for each of 64 bytes from i, lowest first: 1 if it is `byte`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x = _load(builder, _address(context, builder, signature, arguments), 64)
        one = builder.insert_element(ir.Constant(x.type, ir.Undefined), arguments[2], ir.Constant(_INDEX, 0))
        first = ir.Constant(ir.VectorType(_INDEX, 64), [0] * 64)
        wanted = builder.shuffle_vector(one, ir.Constant(x.type, ir.Undefined), first)
        return builder.bitcast(builder.icmp_unsigned("==", x, wanted), _WORD)

    return types.uint64(data, types.uint64, types.uint8), generate


@intrinsic
def copy_64(typing: Any, data: Any, i: Any, out: Any, k: Any) -> tuple[Any, Generate]:
    """Copy 64 bytes from i into `out[k:k + 64]`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x = _load(builder, _address(context, builder, signature, arguments), 64)
        address = _address(context, builder, signature, arguments, 2)
        builder.store(x, builder.bitcast(address, x.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(data, types.uint64, out, types.uint64), generate


@intrinsic
def fold_ascii_32(typing: Any, text: Any, i: Any, out: Any, k: Any) -> tuple[Any, Generate]:
    """Fold 32 bytes from i into `out[k:k + 32]`: letters to lower case, digits as they are, the rest to zero.

    Bytes that are not ASCII become zero.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x = _load(builder, _address(context, builder, signature, arguments), 32)
        lower = builder.or_(x, _each(_CASE, 32))
        letter = _among(builder, lower, "a", _LETTERS)
        digit = _among(builder, x, "0", _DIGITS)
        folded = builder.select(letter, lower, builder.select(digit, x, _each(0, 32)))
        address = _address(context, builder, signature, arguments, 2)
        builder.store(folded, builder.bitcast(address, folded.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(text, types.uint64, out, types.uint64), generate


def _address(context: Any, builder: Any, signature: Any, arguments: Any, at: int = 0) -> Any:
    array = context.make_array(signature.args[at])(context, builder, arguments[at])
    return builder.gep(array.data, [arguments[at + 1]])


def _load(builder: Any, address: Any, width: int) -> Any:
    pointer = ir.VectorType(_BYTE, width).as_pointer()
    return builder.load(builder.bitcast(address, pointer), align=1)


def _each(value: int, width: int) -> Any:
    return ir.Constant(ir.VectorType(_BYTE, width), [value] * width)


def _any_of(builder: Any, x: Any, characters: str) -> Any:
    equal = [builder.icmp_unsigned("==", x, _each(ord(character), 64)) for character in characters]
    return reduce(builder.or_, equal)


def _among(builder: Any, x: Any, first: str, count: int) -> Any:
    width = x.type.count
    return builder.icmp_unsigned("<", builder.sub(x, _each(ord(first), width)), _each(count, width))


def _bits_64(holds: Callable[[Any, Any], Any]) -> Any:
    """Make an intrinsic that returns a bit for each of 64 bytes from i, lowest first: 1 if it `holds`.

    `holds` gets a function that loads these 64 bytes, or the 64 bytes from `ahead` bytes further on.
    """

    @intrinsic
    def bits_64(typing: Any, data: Any, i: Any) -> tuple[Any, Generate]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            address = _address(context, builder, signature, arguments)

            def load(ahead: int = 0) -> Any:
                there = builder.gep(address, [ir.Constant(_WORD, ahead)]) if ahead else address
                return _load(builder, there, 64)

            return builder.bitcast(holds(builder, load), _WORD)

        return types.uint64(data, types.uint64), generate

    return bits_64


def _hints(builder: Any, load: Any) -> Any:
    # Pairs of a first byte and any of the second bytes.
    one, two = (builder.or_(each, _each(_CASE, 64)) for each in (load(), load(1)))
    pairs = [
        builder.and_(_any_of(builder, one, first), _any_of(builder, two, second))
        for first, second in (("d", "d"), ("y", "l"), ("-", "or"))
    ]
    return reduce(builder.or_, pairs)


def _ends_parting(builder: Any, load: Any) -> Any:
    # The hyphens U+002D, U+00AD and U+2010 end with 0x2D, 0xAD and 0x90 in UTF-8.
    x = load()
    ends = builder.or_(
        builder.icmp_unsigned("==", builder.or_(x, _each(0x80, 64)), _each(0xAD, 64)),
        builder.icmp_unsigned("==", x, _each(0x90, 64)),
    )
    return builder.and_(ends, builder.icmp_unsigned("<=", load(1), _each(_SPACE, 64)))


hint_bits_64 = _bits_64(_hints)
"""The byte begins `dd`, `yl`, `-o` or `-r` in either case; 65 bytes are read.

These are the rarest pairs in hi`dd`en, st`yl`e, sr`-o`nly and screen`-r`eader, which may hide an element.
"""
parting_bits_64 = _bits_64(_ends_parting)
"""The byte may end a hyphen, and a blank or a control follows; 65 bytes are read."""
nonzero_bits_64 = _bits_64(lambda builder, load: builder.icmp_unsigned("!=", load(), _each(0, 64)))
"""The byte is not zero."""
exceptional_bits_64 = _bits_64(
    lambda builder, load: builder.and_(
        # Bytes beyond ASCII are negative as signed numbers; adding 1 makes DEL (127) negative, too.
        builder.icmp_signed("<", builder.add(load(), _each(1, 64)), _each(_SPACE + 1, 64)),
        builder.icmp_unsigned(">=", builder.sub(load(), _each(ord("\t"), 64)), _each(_WHITE_CONTROLS, 64)),
    )
)
"""The byte is beyond ASCII, or a control other than white space."""
markup_bits_64 = _bits_64(lambda builder, load: _any_of(builder, load(), "<>\"'&\0"))
"""The byte is `<`, `>`, a quote, `&` or NUL."""
gap_bits_64 = _bits_64(lambda builder, load: _any_of(builder, load(), " \t\n"))
"""The byte is a space, a tab or a line feed."""
break_bits_64 = _bits_64(
    lambda builder, load: builder.or_(
        _any_of(builder, load(), "/="), builder.icmp_unsigned("<=", load(), _each(_SPACE, 64))
    )
)
"""The byte is a blank, a control, `/` or `=`."""
sheet_bits_64 = _bits_64(lambda builder, load: _any_of(builder, load(), "{};/"))
"""The byte is a brace, a semicolon or a slash."""
visible_bits_64 = _bits_64(lambda builder, load: builder.icmp_unsigned(">", load(), _each(_SPACE, 64)))
"""The byte is neither a blank nor a control."""
apart_bits_64 = _bits_64(
    lambda builder, load: builder.and_(
        builder.icmp_signed(">=", load(), _each(0xC0, 64)),
        builder.not_(
            builder.or_(
                _among(builder, builder.or_(load(), _each(_CASE, 64)), "a", _LETTERS),
                _among(builder, load(), "0", _DIGITS),
            )
        ),
    )
)
"""The byte begins a character that is no ASCII letter or digit."""
gapped_bits_64 = _bits_64(
    # Bytes beyond ASCII are negative as signed numbers; adding 1 makes DEL (127) negative, too.
    lambda builder, load: builder.icmp_signed("<", builder.add(load(), _each(1, 64)), _each(_SPACE + 2, 64))
)
"""The byte is a blank, a control, or beyond ASCII."""
slashed_bits_64 = _bits_64(
    lambda builder, load: builder.and_(_any_of(builder, load(), "\\"), _any_of(builder, load(1), "/"))
)
"""The byte is a backslash before a slash; 65 bytes are read."""
