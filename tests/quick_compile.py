"""Flags with which XLA compiles quickly and runs slowly, for tests and documentation; printed when run.

Compiling takes most of their time. Of 75 s of one file it took 50 s with the first flag alone and 14 s with all.
"""

from importlib import metadata

FLAGS = ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true"]
# Such flags come and go, and XLA ends the process at one that it does not know.
if metadata.version("jaxlib").startswith("0.10."):
    FLAGS += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]

if __name__ == "__main__":
    print(*FLAGS)
