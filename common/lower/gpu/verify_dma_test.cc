// What a device that copies by DMA takes: contiguous asynchronous copies, and memory of its own that is large enough.
#include "common/lower/gpu/verify_dma.h"

#include <gtest/gtest.h>

#include <string>

#include "common/script/parser.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

// Tiles of A are copied to VTCM ahead of their use. $COPY stands for the loops and the element of a tile that is
// copied; a tile has 32 elements.
std::string Pipeline(std::string_view shape, std::string_view copy, bool async = true) {
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer($SHAPE, "uint8"), D: T.Buffer((8, 32), "uint8")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for t in T.serial(8, annotations={"software_pipeline_stage": [0, 1], "software_pipeline_order": [0, 1]$ASYNC}):
        with T.block("tile"):
            vt = T.axis.spatial(8, t)
            T.reads()
            T.writes(D[vt, 0:32])
            B = T.alloc_buffer((32,), "uint8", scope="global.vtcm")
$COPY
            for i in range(32):
                with T.block("use"):
                    v = T.axis.spatial(32, i)
                    T.reads(B[v])
                    T.writes(D[vt, v])
                    D[vt, v] = B[v] + T.uint8(1)
)";
  const auto replace = [&](std::string_view what, std::string_view with) {
    text.replace(text.find(what), what.size(), with);
  };
  replace("$SHAPE", shape);
  replace("$ASYNC", async ? ", \"software_pipeline_async_stages\": [0]" : "");
  replace("$COPY", copy);
  return text;
}

constexpr char kRow[] = R"(            for i in $LOOP:
                with T.block("copy"):
                    v = T.axis.spatial(32, i)
                    T.reads(A[$SOURCE])
                    T.writes(B[v])
                    B[v] = A[$SOURCE])";

std::string Row(std::string_view source, std::string_view loop = "range(32)") {
  std::string text = kRow;
  for (size_t at; (at = text.find("$SOURCE")) != std::string::npos;) text.replace(at, 7, source);
  return text.replace(text.find("$LOOP"), 5, loop);
}

constexpr char kBox[] = R"(            for i, j in T.grid(4, 8):
                with T.block("copy"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    T.reads(A[vt, vi, vj])
                    T.writes(B[vi * 8 + vj])
                    B[vi * 8 + vj] = A[vt, vi, vj])";

bool Contiguous(const std::string& text) {
  const auto module = script::ParseModule(text);
  EXPECT_OK(module.status()) << text;
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module->arena());
  const ir::ArenaScope scope(arena);
  return AsyncCopiesAreContiguous(ir::As<ir::PrimFuncNode>(module->Entry()->function));
}

TEST(VerifyDmaTest, WholeRowsAreContiguous) {
  EXPECT_TRUE(Contiguous(Pipeline("(8, 32)", Row("vt, v"))));
  EXPECT_TRUE(Contiguous(Pipeline("(8, 32)", Row("vt, v", "T.vectorized(32)"))));
  EXPECT_TRUE(Contiguous(Pipeline("(8, 4, 8)", kBox)));
}

TEST(VerifyDmaTest, OneElementAStepNeedsNoNeighbour) {
  EXPECT_TRUE(Contiguous(Pipeline("(8, 32)", R"(            with T.block("copy"):
                T.reads(A[vt, 0])
                T.writes(B[0])
                B[0] = A[vt, 0])")));
}

TEST(VerifyDmaTest, PartsOfRowsAreNot) {
  EXPECT_FALSE(Contiguous(Pipeline("(8, 64)", Row("vt, v"))));
  EXPECT_FALSE(Contiguous(Pipeline("(8, 64)", Row("vt, v + 16"))));
  EXPECT_FALSE(Contiguous(Pipeline("(8, 64)", Row("vt, v * 2"))));
  EXPECT_FALSE(Contiguous(Pipeline("(8, 4, 16)", kBox)));
  EXPECT_FALSE(Contiguous(Pipeline("(8, 32)", Row("vt, v * v % 32"))));
}

TEST(VerifyDmaTest, ASynchronousCopyMayBeStrided) {
  EXPECT_TRUE(Contiguous(Pipeline("(8, 64)", Row("vt, v"), /*async=*/false)));
  EXPECT_TRUE(Contiguous(R"(
@T.prim_func
def main(A: T.Buffer((8, 64), "uint8"), D: T.Buffer((8, 32), "uint8")):
    for i, j in T.grid(8, 32):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = A[vi, vj * 2]
)"));
}

TEST(VerifyDmaTest, WhatCannotBeLoweredIsNotContiguous) {
  std::string text = Pipeline("(8, 32)", Row("vt, v"));
  text.replace(text.find("[0, 1]"), 6, "[0, 1, 1]");
  EXPECT_FALSE(Contiguous(text));
}

TEST(VerifyDmaTest, VersionsOfAPipelineCountForVtcm) {
  const auto fits = [](const std::string& text, int64_t capacity_bytes) {
    const auto module = script::ParseModule(text);
    EXPECT_OK(module.status());
    auto arena = std::make_shared<ir::Arena>();
    arena->KeepAlive(module->arena());
    const ir::ArenaScope scope(arena);
    return FitsVtcm(ir::As<ir::PrimFuncNode>(module->Entry()->function), capacity_bytes);
  };
  const std::string text = Pipeline("(8, 32)", Row("vt, v"));
  EXPECT_TRUE(fits(text, 64));
  EXPECT_FALSE(fits(text, 63));
}

}  // namespace
}  // namespace hone::lower
