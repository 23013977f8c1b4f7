"""Papers that rules are from, by their number on arXiv: authors, year, title."""

PAPERS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "1602.05179": (
        ("Benjamin Scellier", "Yoshua Bengio"),
        "2017",
        "Equilibrium Propagation: Bridging the Gap Between Energy-Based Models and Backpropagation",
    ),
    "1808.04873": (
        ("Benjamin Scellier", "Anirudh Goyal", "Jonathan Binas", "Thomas Mesnard", "Yoshua Bengio"),
        "2018",
        "Generalization of Equilibrium Propagation to Vector Field Dynamics",
    ),
    "2005.04168": (
        ("Maxence Ernoult", "Julie Grollier", "Damien Querlioz", "Yoshua Bengio", "Benjamin Scellier"),
        "2020",
        "Equilibrium Propagation with Continual Weight Updates",
    ),
    "2006.03824": (
        (
            "Axel Laborieux",
            "Maxence Ernoult",
            "Benjamin Scellier",
            "Yoshua Bengio",
            "Julie Grollier",
            "Damien Querlioz",
        ),
        "2020",
        "Scaling Equilibrium Propagation to Deep ConvNets by Drastically Reducing its Gradient Estimator Bias",
    ),
    "2208.08862": (
        ("Vidyesh Rao Anisetti", "Ananth Kandala", "Benjamin Scellier", "J. M. Schwarz"),
        "2022",
        "Frequency propagation: Multi-mechanism learning in nonlinear physical networks",
    ),
    "2209.00530": (
        ("Axel Laborieux", "Friedemann Zenke"),
        "2022",
        "Holomorphic Equilibrium Propagation Computes Exact Gradients Through Finite Size Oscillations",
    ),
    "2309.02214": (
        ("Axel Laborieux", "Friedemann Zenke"),
        "2023",
        "Improving equilibrium propagation without weight symmetry through Jacobian homeostasis",
    ),
    "2505.07363": (
        ("Serge Massar",),
        "2025",
        "Equilibrium Propagation for Learning in Lagrangian Dynamical Systems",
    ),
    "2506.05259": (
        ("Guillaume Pourcel", "Maxence Ernoult"),
        "2025",
        "Learning long range dependencies through time reversal symmetry breaking",
    ),
    "2506.06248": (
        ("Guillaume Pourcel", "Debabrota Basu", "Maxence Ernoult", "Aditya Gilra"),
        "2025",
        "Lagrangian-based Equilibrium Propagation: generalisation to arbitrary boundary conditions and equivalence "
        "with Hamiltonian Echo Learning",
    ),
    "2506.20402": (
        ("Marc Berneman", "Daniel Hexner"),
        "2025",
        "Equilibrium Propagation for Dissipative Dynamics",
    ),
    "2602.03670": (
        ("Antonino Emanuele Scurria", "Dimitri Vanden Abeele", "Bortolo Matteo Mognetti", "Serge Massar"),
        "2026",
        "Equilibrium Propagation for Non-Conservative Systems",
    ),
}
