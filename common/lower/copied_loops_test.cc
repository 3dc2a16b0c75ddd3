// Virtual threads, software pipelines and double buffers on CPUs: what the passes make of them, and that results stay.
#include <gtest/gtest.h>

#include "common/lower/copied_loops_programs.h"
#include "common/lower/pass_checker.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

TEST(CopiedLoopsTest, EveryPassKeepsResults) {
  for (const std::string& text : CopiedLoopsPrograms()) {
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(text));
    for (const MachineTraits& machine : TestMachines()) ExpectEveryPassKeeps(module, machine, 1);
  }
}

std::string TextAfter(const std::string& program, std::string_view wanted) {
  const auto module = script::ParseModule(program);
  EXPECT_OK(module.status());
  std::string text;
  EXPECT_OK(LowerFor(*module, TestMachines()[0], [&](std::string_view pass, ir::PrimFunc func) {
              if (pass == wanted) text = script::PrintFunc(func);
            }).status());
  return text;
}

int Count(const std::string& text, std::string_view what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(CopiedLoopsTest, WhatAllVirtualThreadsShareIsDoneOnce) {
  const std::string text = TextAfter(VirtualThreadsProgram(2), "InjectVirtualThread");
  EXPECT_EQ(text.find("virtual_thread"), std::string::npos) << text;
  // A row is packed once, in two vectors; the sums have room for both threads.
  EXPECT_EQ(Count(text, "= A_1["), 2) << text;
  EXPECT_NE(text.find("S = T.allocate([768]"), std::string::npos) << text;
}

TEST(CopiedLoopsTest, APipelineHasPrologueBodyAndEpilogue) {
  const std::string text = TextAfter(SoftwarePipelineProgram("[0, 1, 2]", "[0, 1, 2]"), "InjectSoftwarePipeline");
  EXPECT_EQ(text.find("software_pipeline_stage"), std::string::npos) << text;
  EXPECT_GE(Count(text, "for t in"), 2) << text;
}

TEST(CopiedLoopsTest, ADoubleBufferIsFilledAhead) {
  const std::string text = TextAfter(DoubleBufferProgram(), "InjectDoubleBuffer");
  EXPECT_NE(text.find("double_buffer_write"), std::string::npos) << text;
}

}  // namespace
}  // namespace hone::lower
