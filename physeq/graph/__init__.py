"""Topologies of networks: groups of nodes, bundles of edges, networkx in and out. Knows neither JAX nor SymPy."""

from ._from_networkx import from_networkx as from_networkx
from ._to_networkx import to_networkx as to_networkx
from .coloring import color as color
from .coloring import group_colors as group_colors
from .constructors import complete as complete
from .constructors import crossbar as crossbar
from .constructors import from_edges as from_edges
from .constructors import lattice as lattice
from .constructors import layered as layered
from .constructors import random_geometric as random_geometric
from .constructors import random_regular as random_regular
from .constructors import small_world as small_world
from .layout import positions as positions
from .patterns import Dense as Dense
from .patterns import OneToOne as OneToOne
from .patterns import Pattern as Pattern
from .patterns import Sparse as Sparse
from .topology import Bundle as Bundle
from .topology import Group as Group
from .topology import Topology as Topology
