"""Fuzz targets."""

def fuzz_target(name, src, deps):
    """A libFuzzer target whose seeds lie in seeds/<name> of the package.

    <name> is the fuzzer; it links only with --config=asan-ubsan, so deploy/fuzz.sh builds it by name.
    <name>_seeds_test runs the target once over every seed, in any configuration.
    """
    native.cc_library(
        name = name + "_lib",
        testonly = True,
        srcs = [src],
        deps = deps,
        alwayslink = True,
    )
    native.cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":" + name + "_lib"],
    )
    native.cc_test(
        name = name + "_seeds_test",
        size = "small",
        args = [native.package_name() + "/seeds/" + name],
        data = native.glob(["seeds/" + name + "/*"]),
        deps = [
            ":" + name + "_lib",
            "//common/support/testing:fuzz_main",
        ],
    )
