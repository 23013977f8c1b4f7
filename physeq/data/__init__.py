"""Data sets: your own arrays, small public sets, and verified loaders of MNIST and Fashion-MNIST (numpy only)."""

from ._dataset import Dataset as Dataset
from ._files import search_folders as search_folders
from ._idx import read_idx as read_idx
from ._registry import DatasetEntry as DatasetEntry
from ._registry import datasets as datasets
from ._registry import load as load
from ._registry import obtain as obtain
from ._registry import register as register
from ._split import stratified_split as stratified_split
from ._synthetic import allosteric as allosteric
from ._synthetic import linear_map as linear_map
from ._synthetic import sine as sine
from ._synthetic import tones as tones
from ._synthetic import two_moons as two_moons

__all__ = [
    "Dataset",
    "DatasetEntry",
    "allosteric",
    "datasets",
    "linear_map",
    "load",
    "obtain",
    "read_idx",
    "register",
    "search_folders",
    "sine",
    "stratified_split",
    "tones",
    "two_moons",
]
