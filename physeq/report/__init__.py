"""Pages and plots: documents of symbols as Markdown, LaTeX and HTML, and pictures of results."""

from ._rule_phases import refusal as refusal
from ._trajectory_learning import trajectory_refusal as trajectory_refusal
from .document import Block as Block
from .document import Bullets as Bullets
from .document import Code as Code
from .document import Document as Document
from .document import Equation as Equation
from .document import Figure as Figure
from .document import Inline as Inline
from .document import Math as Math
from .document import Note as Note
from .document import Paragraph as Paragraph
from .document import Preformatted as Preformatted
from .document import Section as Section
from .document import Steps as Steps
from .document import SymbolEntry as SymbolEntry
from .document import Table as Table
from .document import Warning as Warning
from .network_drawing import network_drawing as network_drawing
from .notation import symbol_latex as symbol_latex
from .page import derivation_page as derivation_page
from .text import motion_latex as motion_latex
from .text import summary as summary
from .trajectory_page import trajectory_page as trajectory_page
from .trajectory_page import trajectory_summary as trajectory_summary
