"""Which types of a file's columns can be read as numbers or text, and what rare ones become first."""

import pyarrow as pa
import pyarrow.compute as pc


def is_readable(kind: pa.DataType) -> bool:
    """Whether cells of this type are numbers or text, or can be told as text; lists, bytes and the like cannot.

    >>> is_readable(pa.float64()), is_readable(pa.dictionary(pa.int8(), pa.string())), is_readable(pa.binary(4))
    (True, True, False)
    """
    if pa.types.is_dictionary(kind):
        return is_readable(kind.value_type)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_number = pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)
    is_decimal = pa.types.is_decimal128(kind) or pa.types.is_decimal256(kind)
    is_time = pa.types.is_temporal(kind) and not pa.types.is_interval(kind)
    return is_text or is_number or is_decimal or is_time or pa.types.is_boolean(kind) or pa.types.is_null(kind)


def with_common_types(table: pa.Table) -> pa.Table:
    """The same cells; types that Arrow computes little with (half floats, string views, ...) become common ones.

    >>> with_common_types(pa.table({"a": pa.array([1.5], pa.float16())})).schema.field("a").type
    DataType(double)
    """
    columns = {name: _with_common_type(table.column(name)) for name in table.column_names}
    return pa.table(columns) if columns else table


def _with_common_type(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_run_end_encoded(kind):
        chunks = [pc.run_end_decode(chunk) for chunk in column.chunks]
        return _with_common_type(pa.chunked_array(chunks, kind.value_type))
    if pa.types.is_float16(kind):
        return column.cast(pa.float64())
    if pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return column.cast(pa.decimal128(kind.precision, kind.scale))
    return column
