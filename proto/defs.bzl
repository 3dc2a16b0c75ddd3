"""C++ code of our .proto files, by the system's protoc and grpc_cpp_plugin (no download, no proto toolchain).

hone_proto_library(name, src, deps, grpc) makes a cc_library `name` with hone/v1/<file>.pb.h and, with grpc = True, a
second one `<name>_grpc` with hone/v1/<file>.grpc.pb.h, so that only those who speak gRPC compile against it.
Sources import each other as "hone/v1/x.proto".
"""

# Generated code is not ours to mend: its warnings are off.
_COPTS = ["-w"]

def hone_proto_library(name, src, deps = [], grpc = False, visibility = None):
    base = src[:-len(".proto")]
    imports = ["//proto:all_protos"]
    native.genrule(
        name = name + "_gen",
        srcs = [src] + imports,
        outs = [base + ".pb.h", base + ".pb.cc"],
        cmd = "protoc -Iproto -I/usr/include --cpp_out=$(GENDIR)/proto $(location %s)" % src,
        message = "protoc",
    )
    native.cc_library(
        name = name,
        srcs = [base + ".pb.cc"],
        hdrs = [base + ".pb.h"],
        copts = _COPTS,
        includes = ["."],
        visibility = visibility,
        deps = deps + ["//third_party:protobuf"],
    )
    if not grpc:
        return
    native.genrule(
        name = name + "_grpc_gen",
        srcs = [src] + imports,
        outs = [base + ".grpc.pb.h", base + ".grpc.pb.cc"],
        cmd = "protoc -Iproto -I/usr/include --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin)" +
              " --grpc_out=$(GENDIR)/proto $(location %s)" % src,
        message = "grpc_cpp_plugin",
    )
    native.cc_library(
        name = name + "_grpc",
        srcs = [base + ".grpc.pb.cc"],
        hdrs = [base + ".grpc.pb.h"],
        copts = _COPTS,
        includes = ["."],
        visibility = visibility,
        deps = [":" + name, "//third_party:grpc"],
    )
