"""Attention on a GPU, in Triton: over sequences of any lengths at once, distances included.

A program works on tiles of `TILE` queries by `TILE` keys, as in FlashAttention (Dao et al. 2022).
It keeps no weights, but what distances add to the scores and what dropout keeps: 3 bytes a pair and
head in bf16, for every layer until the way back, so memory is quadratic in length.

What FlashAttention lacks are the distances of `relative_key_query`. Within a tile they are a band
of 2 TILE - 1 rows of the table; queries and keys are multiplied with the band, and each row of the
product is shifted to its place.

An array of tiles has the shape (n_tiles, TILE, TILE): all tiles of a sequence's first head, query
by query, then those of its next heads, then the next sequence's. What distances add to the scores,
what dropout keeps and the gradients of the scores are such arrays. `fused` has the callers,
and says what `places` and `row_tiles` are.
"""

# No annotation but `tl.constexpr` means anything to Triton, which compiles what is written here.

import triton
import triton.language as tl

#: Queries, and keys, of a tile.
TILE = 64
_TILE = tl.constexpr(TILE)
_HIDDEN = tl.constexpr(-1e30)  # the score of what is not seen; sums of it stay finite


@triton.jit
def _own_tile(row_tiles, places, heads: tl.constexpr):
    """Where this program works.

    Returns (tile index within its sequence, first row, length, number of tiles per side, first
    score tile).
    """
    sequence = tl.load(row_tiles + 2 * tl.program_id(0))
    own = tl.load(row_tiles + 2 * tl.program_id(0) + 1)
    first = tl.load(places + 3 * sequence)
    length = tl.load(places + 3 * sequence + 1)
    first_tile = tl.load(places + 3 * sequence + 2) * heads
    return own, first, length, tl.cdiv(length, _TILE), first_tile


@triton.jit
def _values(array, first, row, length, head, heads: tl.constexpr, size, width: tl.constexpr):
    """Pointers to some rows of a sequence, and which of them exist; shape (TILE, width).

    `array` has `heads` heads in each row, those of queries, keys and values counted through.
    """
    column = tl.arange(0, width)
    start = array + first.to(tl.int64) * (heads * size) + head * size
    inside = (row < length)[:, None] & (column < size)[None, :]
    return start + row[:, None] * (heads * size) + column[None, :], inside


@triton.jit
def _rows(qkv, part, first, row, length, heads: tl.constexpr, size, width: tl.constexpr):
    """Queries (part 0), keys (1) or values (2) of this program's head; zeros beyond the last."""
    head = part * heads + tl.program_id(1)
    pointers, inside = _values(qkv, first, row, length, head, 3 * heads, size, width)
    return tl.load(pointers, inside, 0.0)


@triton.jit
def _band(table, tile_distance, reach, size, width: tl.constexpr):
    """Pointers to the table's rows of distances TILE tile_distance - (TILE - 1) .. + TILE."""
    row = tl.arange(0, 2 * _TILE) + (_TILE * tile_distance - (_TILE - 1) + reach - 1)
    column = tl.arange(0, width)
    inside = ((row >= 0) & (row < 2 * reach - 1))[:, None] & (column < size)[None, :]
    return table + row[:, None] * size + column[None, :], inside


@triton.jit
def _tile(array, first_tile, head, query_tile, key_tile, n):
    """Pointers to a tile's values."""
    place = tl.arange(0, _TILE)
    tile = first_tile + (head * n + query_tile) * n + key_tile
    return array + tile.to(tl.int64) * (_TILE * _TILE) + (place[:, None] * _TILE + place[None, :])


@triton.jit
def _shifted(product):
    """[a, b] = product[a, a - b + TILE - 1]: what queries have of their distances to keys."""
    place = tl.arange(0, _TILE)
    return tl.gather(product, place[:, None] - place[None, :] + (_TILE - 1), 1)


@triton.jit
def _shifted_of_keys(product):
    """[a, b] = product[b, a - b + TILE - 1]: what keys have of the same."""
    place = tl.arange(0, _TILE)
    return tl.trans(tl.gather(product, place[None, :] - place[:, None] + (_TILE - 1), 1))


@triton.jit
def _shifted_back(scores, of_keys: tl.constexpr):
    """The inverse of `_shifted`, or of `_shifted_of_keys` before it transposes; zeros elsewhere."""
    place = tl.arange(0, _TILE)[:, None]
    column = tl.arange(0, 2 * _TILE)[None, :]
    source = place + column - (_TILE - 1) if of_keys else place + (_TILE - 1) - column
    inside = (source >= 0) & (source < _TILE)
    shifted = tl.gather(scores, tl.where(inside, source, 0), 1)
    return tl.where(inside, shifted, 0.0).to(scores.dtype)


@triton.jit
def distances(
    qkv,
    table,
    bias,
    places,
    row_tiles,
    reach,
    heads: tl.constexpr,
    size: tl.constexpr,
    width: tl.constexpr,
):
    """For a tile of queries: what distances add to its scores, before they are scaled."""
    head = tl.program_id(1)
    query_tile, first, length, n, first_tile = _own_tile(row_tiles, places, heads)
    query = query_tile * _TILE + tl.arange(0, _TILE)
    q = _rows(qkv, 0, first, query, length, heads, size, width)
    for key_tile in range(n):
        key = key_tile * _TILE + tl.arange(0, _TILE)
        k = _rows(qkv, 1, first, key, length, heads, size, width)
        pointers, inside = _band(table, query_tile - key_tile, reach, size, width)
        band = tl.trans(tl.load(pointers, inside, 0.0))
        by_query = _shifted(tl.dot(q, band, input_precision="ieee").to(q.dtype))
        by_key = _shifted_of_keys(tl.dot(k, band, input_precision="ieee").to(q.dtype))
        both = by_query.to(tl.float32) + by_key.to(tl.float32)
        tl.store(_tile(bias, first_tile, head, query_tile, key_tile, n), both.to(q.dtype))


@triton.jit
def _scores(
    q,
    k,
    bias,
    seen,
    query,
    key,
    first,
    length,
    scale,
    relative: tl.constexpr,
    masked: tl.constexpr,
):
    """A tile's scores, `_HIDDEN` where a query does not see a key."""
    scores = tl.dot(q, tl.trans(k), input_precision="ieee")
    visible = (key < length)[None, :] & (query < length)[:, None]
    if relative:
        scores += tl.load(bias).to(tl.float32)
    else:
        visible = visible & (key[None, :] <= query[:, None])
    if masked:
        visible = visible & (tl.load(seen + first + key, key < length, 0) != 0)[None, :]
    return tl.where(visible, scores * scale, _HIDDEN)


@triton.jit(do_not_specialize=["n_rows"])
def forward(
    qkv,
    bias,
    seen,
    keep,
    out,
    log_sums,
    places,
    row_tiles,
    n_rows,
    scale,
    keep_scale,
    heads: tl.constexpr,
    size: tl.constexpr,
    width: tl.constexpr,
    relative: tl.constexpr,
    masked: tl.constexpr,
    dropout: tl.constexpr,
):
    """For a tile of queries: the mixed values, and the logarithms of their softmax's sums."""
    head = tl.program_id(1)
    query_tile, first, length, n, first_tile = _own_tile(row_tiles, places, heads)
    query = query_tile * _TILE + tl.arange(0, _TILE)
    q = _rows(qkv, 0, first, query, length, heads, size, width)
    highest = tl.full((_TILE,), _HIDDEN, tl.float32)
    total = tl.zeros((_TILE,), tl.float32)
    mixed = tl.zeros((_TILE, width), tl.float32)
    end = n if relative else query_tile + 1
    for key_tile in range(end):
        key = key_tile * _TILE + tl.arange(0, _TILE)
        k = _rows(qkv, 1, first, key, length, heads, size, width)
        v = _rows(qkv, 2, first, key, length, heads, size, width)
        added = _tile(bias, first_tile, head, query_tile, key_tile, n) if relative else bias
        scores = _scores(q, k, added, seen, query, key, first, length, scale, relative, masked)
        higher = tl.maximum(highest, tl.max(scores, 1))
        shrink = tl.exp(highest - higher)
        weights = tl.exp(scores - higher[:, None])
        total = total * shrink + tl.sum(weights, 1)
        if dropout:
            weights *= tl.load(_tile(keep, first_tile, head, query_tile, key_tile, n))
        mixed = mixed * shrink[:, None]
        mixed += tl.dot(weights.to(v.dtype), v, input_precision="ieee")
        highest = higher
    mixed = mixed / total[:, None] * keep_scale
    pointers, inside = _values(out, first, query, length, head, heads, size, width)
    tl.store(pointers, mixed.to(q.dtype), inside)
    tl.store(log_sums + head * n_rows + first + query, highest + tl.log(total), query < length)


@triton.jit(do_not_specialize=["n_rows"])
def backward_of_scores(
    qkv,
    bias,
    seen,
    keep,
    d_out,
    log_sums,
    deltas,
    d_qkv,
    d_scores,
    places,
    row_tiles,
    n_rows,
    scale,
    keep_scale,
    heads: tl.constexpr,
    size: tl.constexpr,
    width: tl.constexpr,
    relative: tl.constexpr,
    masked: tl.constexpr,
    dropout: tl.constexpr,
):
    """For a tile of keys: the gradients of its scores and of its values."""
    head = tl.program_id(1)
    key_tile, first, length, n, first_tile = _own_tile(row_tiles, places, heads)
    key = key_tile * _TILE + tl.arange(0, _TILE)
    k = _rows(qkv, 1, first, key, length, heads, size, width)
    v = _rows(qkv, 2, first, key, length, heads, size, width)
    d_v = tl.zeros((_TILE, width), tl.float32)
    begin = 0 if relative else key_tile
    for query_tile in range(begin, n):
        query = query_tile * _TILE + tl.arange(0, _TILE)
        q = _rows(qkv, 0, first, query, length, heads, size, width)
        added = _tile(bias, first_tile, head, query_tile, key_tile, n) if relative else bias
        scores = _scores(q, k, added, seen, query, key, first, length, scale, relative, masked)
        at = head * n_rows + first + query
        weights = tl.exp(scores - tl.load(log_sums + at, query < length, 0.0)[:, None])
        pointers, inside = _values(d_out, first, query, length, head, heads, size, width)
        d_mixed = tl.load(pointers, inside, 0.0)
        d_weights = tl.dot(d_mixed, tl.trans(v), input_precision="ieee")
        used = weights
        if dropout:
            kept = tl.load(_tile(keep, first_tile, head, query_tile, key_tile, n))
            kept = kept.to(tl.float32) * keep_scale
            used = weights * kept
            d_weights *= kept
        d_v += tl.dot(tl.trans(used.to(v.dtype)), d_mixed, input_precision="ieee")
        delta = tl.load(deltas + at, query < length, 0.0)
        d_tile = weights * (d_weights - delta[:, None])
        tl.store(_tile(d_scores, first_tile, head, query_tile, key_tile, n), d_tile.to(k.dtype))
    pointers, inside = _values(d_qkv, first, key, length, 2 * heads + head, 3 * heads, size, width)
    tl.store(pointers, d_v.to(k.dtype), inside)


@triton.jit
def backward_of_rows(
    qkv,
    table,
    d_qkv,
    d_scores,
    places,
    row_tiles,
    reach,
    scale,
    heads: tl.constexpr,
    size: tl.constexpr,
    width: tl.constexpr,
    relative: tl.constexpr,
    part: tl.constexpr,
):
    """For a tile of queries (part 0) or keys (1): their gradients, from those of the scores."""
    head = tl.program_id(1)
    own, first, length, n, first_tile = _own_tile(row_tiles, places, heads)
    gradient = tl.zeros((_TILE, width), tl.float32)
    begin = own if part == 1 and not relative else 0
    end = own + 1 if part == 0 and not relative else n
    for tile in range(begin, end):
        row = tile * _TILE + tl.arange(0, _TILE)
        others = _rows(qkv, 1 - part, first, row, length, heads, size, width)
        query_tile = own if part == 0 else tile
        key_tile = tile if part == 0 else own
        d_tile = tl.load(_tile(d_scores, first_tile, head, query_tile, key_tile, n))
        if part == 1:
            d_tile = tl.trans(d_tile)
        gradient += tl.dot(d_tile, others, input_precision="ieee")
        if relative:
            pointers, inside = _band(table, query_tile - key_tile, reach, size, width)
            band = tl.load(pointers, inside, 0.0)
            gradient += tl.dot(_shifted_back(d_tile, part == 1), band, input_precision="ieee")
    row = own * _TILE + tl.arange(0, _TILE)
    pointers, inside = _values(
        d_qkv, first, row, length, part * heads + head, 3 * heads, size, width
    )
    tl.store(pointers, (gradient * scale).to(d_qkv.dtype.element_ty), inside)


@triton.jit(do_not_specialize=["n_sequences"])
def backward_of_table(
    qkv,
    d_scores,
    d_table,
    places,
    n_sequences,
    reach,
    scale,
    heads: tl.constexpr,
    size: tl.constexpr,
    width: tl.constexpr,
):
    """For a diagonal of tiles: the gradient of its band, from some of the sequences and one head.

    `d_table` has the shape (sequences' programs, heads, 2, 2 reach - 1, size). Bands of neighbours
    overlap, so that those of even and odd diagonals are kept apart.
    """
    longest = (tl.num_programs(0) + 1) // 2
    tile_distance = tl.program_id(0).to(tl.int32) - (longest - 1)
    head = tl.program_id(1)
    d_band = tl.zeros((2 * _TILE, width), tl.float32)
    for sequence in range(tl.program_id(2), n_sequences, tl.num_programs(2)):
        first = tl.load(places + 3 * sequence)
        length = tl.load(places + 3 * sequence + 1)
        first_tile = tl.load(places + 3 * sequence + 2) * heads
        n = tl.cdiv(length, _TILE)
        for key_tile in range(tl.maximum(0, -tile_distance), tl.minimum(n, n - tile_distance)):
            query_tile = key_tile + tile_distance
            query = query_tile * _TILE + tl.arange(0, _TILE)
            key = key_tile * _TILE + tl.arange(0, _TILE)
            q = _rows(qkv, 0, first, query, length, heads, size, width)
            k = _rows(qkv, 1, first, key, length, heads, size, width)
            d_tile = tl.load(_tile(d_scores, first_tile, head, query_tile, key_tile, n))
            by_query = _shifted_back(d_tile, False)
            by_key = _shifted_back(tl.trans(d_tile), True)
            d_band += tl.dot(tl.trans(by_query), q, input_precision="ieee")
            d_band += tl.dot(tl.trans(by_key), k, input_precision="ieee")
    part = (tl.program_id(2) * heads + head) * 2 + (tile_distance & 1)
    start = d_table + part.to(tl.int64) * (2 * reach - 1) * size
    pointers, inside = _band(start, tile_distance, reach, size, width)
    tl.store(pointers, d_band * scale, inside)
