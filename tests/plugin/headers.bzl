"""The headers that a library shows to whoever includes it, its own and those of all it depends on."""

def _public_headers_impl(ctx):
    return [DefaultInfo(files = depset(transitive = [dep[CcInfo].compilation_context.headers for dep in ctx.attr.deps]))]

public_headers = rule(
    implementation = _public_headers_impl,
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
)
