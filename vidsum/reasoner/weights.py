"""How much each term weighs in each text: a tf-idf matrix that keeps only what is not zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""float32 [terms]: one weight a term."""

_MOST_TERMS: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class TermMatrix:
    """Texts × terms, each text's weights of length 1 (or 0 for a text without terms).

    Row i is columns[starts[i]:starts[i+1]] with weights of the same slice: int32 and float32
    [entries], starts int64 [texts + 1]. A day of speech takes a few megabytes.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    weights: Vector
    idf: Vector
    vocabulary: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, index: int) -> Vector:
        """Return one text's weights."""
        vector = np.zeros(len(self.idf), np.float32)
        part = slice(self.starts[index], self.starts[index + 1])
        vector[self.columns[part]] = self.weights[part]
        return vector

    def along(self, vector: Vector) -> Vector:
        """Return each text's product with vector: float32 [texts], cosines if its length is 1."""
        products = self.weights * vector[self.columns]
        return np.bincount(_rows(self.starts), products, len(self)).astype(np.float32)

    def centre(self, indices: Iterable[int]) -> Vector:
        """Return the direction of some texts' mean, of length 1 (0 if they have no terms)."""
        total = np.zeros(len(self.idf), np.float32)
        for index in indices:
            part = slice(self.starts[index], self.starts[index + 1])
            total[self.columns[part]] += self.weights[part]
        return unit(total)

    def vector(self, terms: Sequence[str]) -> Vector:
        """Return the weights of a further text, of length 1; terms not in here are left out."""
        total = np.zeros(len(self.idf), np.float32)
        for term, count in Counter(terms).items():
            column = self.vocabulary.get(term)
            if column is not None:
                total[column] = np.log1p(count) * self.idf[column]
        return unit(total)


def tf_idf(documents: Sequence[Sequence[str]]) -> TermMatrix:
    """Return the weights log(1 + tf) × (log((1 + n) / (1 + df)) + 1) of n documents' terms.

    The 20,000 terms that are in most documents are kept.
    Source: Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
    """
    in_documents = Counter(term for document in documents for term in set(document))
    kept = sorted(in_documents, key=lambda term: (-in_documents[term], term))[:_MOST_TERMS]
    vocabulary = {term: column for column, term in enumerate(kept)}
    frequencies = np.array([in_documents[term] for term in kept], np.float64)
    idf = (np.log((1 + len(documents)) / (1 + frequencies)) + 1).astype(np.float32)
    columns: list[int] = []
    counts: list[int] = []
    starts = [0]
    for document in documents:
        for term, count in Counter(document).items():
            if term in vocabulary:
                columns.append(vocabulary[term])
                counts.append(count)
        starts.append(len(columns))
    places, bounds = np.array(columns, np.int32), np.array(starts, np.int64)
    weights = _scaled(np.log1p(np.array(counts, np.float32)) * idf[places], bounds)
    return TermMatrix(bounds, places, weights, idf, vocabulary)


def _rows(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of each entry: int64 [entries]."""
    return np.repeat(np.arange(len(starts) - 1), starts[1:] - starts[:-1])


def _scaled(weights: Vector, starts: NDArray[np.int64]) -> Vector:
    """Return weights with each row brought to length 1."""
    rows = _rows(starts)
    squares = np.bincount(rows, weights.astype(np.float64) ** 2, len(starts) - 1)
    return (weights / np.sqrt(squares)[rows]).astype(np.float32)


def unit(vector: Vector) -> Vector:
    """Return vector at length 1; a vector of zeros stays one."""
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector
