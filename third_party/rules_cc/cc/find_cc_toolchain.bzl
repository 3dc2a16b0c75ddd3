"""The C++ toolchain lookup that Bazel's own files load from rules_cc."""

def find_cc_toolchain(ctx):
    return ctx.attr._cc_toolchain[cc_common.CcToolchainInfo]

def use_cpp_toolchain():
    return []
