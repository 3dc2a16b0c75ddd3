#include "server/service/blob_store.h"

#include <gtest/gtest.h>

#include "common/record/workload.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"

namespace hone {
namespace {

Digest Id(int n) { return Sha256(StrCat(n)); }

class BlobStoreTest : public ::testing::Test {
 protected:
  absl::Status Upload(BlobStore& store, int n, uint64_t offset, uint64_t total, size_t bytes) {
    uint64_t received = 0;
    return store.Write(BlobKind::kSkeleton, Id(n), offset, total, std::string(bytes, 'x'), received);
  }

  FakeClock clock_;
  const BlobStore::Limits limits_{.artifact_bytes = 30, .other_bytes = 30, .upload_bytes = 100};
  BlobStore store_{limits_, clock_};
};

TEST_F(BlobStoreTest, TheLeastRecentlyUsedArtifactGoes) {
  for (int i = 0; i < 3; ++i) store_.Put(BlobKind::kArtifact, Id(i), std::string(10, 'a'));
  EXPECT_NE(store_.Get(BlobKind::kArtifact, Id(0)), nullptr);
  store_.Put(BlobKind::kArtifact, Id(3), std::string(10, 'a'));
  EXPECT_EQ(store_.Get(BlobKind::kArtifact, Id(1)), nullptr);
  EXPECT_NE(store_.Get(BlobKind::kArtifact, Id(0)), nullptr);
  EXPECT_EQ(store_.counts().artifact_bytes, 30);
}

TEST_F(BlobStoreTest, WhatAJobPinnedStaysUntilItEnds) {
  store_.Put(BlobKind::kWorkload, Id(0), std::string(25, 'w'));
  store_.Pin("a", BlobKind::kWorkload, Id(0));
  store_.Pin("a", BlobKind::kWorkload, Id(0));  // A second time changes nothing.
  store_.Pin("b", BlobKind::kWorkload, Id(0));
  store_.Pin("a", BlobKind::kSkeleton, Id(99));  // Not there: nothing to keep.
  EXPECT_EQ(store_.counts().pinned_bytes, 25);
  auto fill = [&](int from) {
    for (int i = from; i < from + 5; ++i) {
      clock_.Advance(absl::Minutes(6));
      store_.Put(BlobKind::kSkeleton, Id(i), std::string(10, 's'));
    }
  };
  fill(10);
  EXPECT_LE(store_.counts().other_bytes, 30);
  EXPECT_EQ(store_.Get(BlobKind::kSkeleton, Id(10)), nullptr);
  EXPECT_NE(store_.Get(BlobKind::kWorkload, Id(0)), nullptr);
  store_.Unpin("a");
  fill(20);
  EXPECT_NE(store_.Get(BlobKind::kWorkload, Id(0)), nullptr) << "b needs it";
  store_.Unpin("b");
  store_.Unpin("b");
  EXPECT_EQ(store_.counts().pinned_bytes, 0);
  fill(30);
  EXPECT_EQ(store_.Get(BlobKind::kWorkload, Id(0)), nullptr);
}

TEST_F(BlobStoreTest, WhatIsFreshIsNotDroppedAndMoreIsRefused) {
  for (int i = 0; i < 4; ++i) ASSERT_OK(Upload(store_, i, 0, 10, 10));
  EXPECT_NE(store_.Get(BlobKind::kSkeleton, Id(0)), nullptr);
  EXPECT_STATUS(Upload(store_, 4, 0, 10, 10), absl::StatusCode::kResourceExhausted, "try again later");
  clock_.Advance(absl::Minutes(6));
  store_.Put(BlobKind::kSkeleton, Id(5), std::string(10, 's'));  // Makes room of what rests.
  EXPECT_OK(Upload(store_, 4, 0, 10, 10));
}

TEST_F(BlobStoreTest, AnUploadThatNobodyGoesOnWithGivesWay) {
  ASSERT_OK(Upload(store_, 0, 0, 200, 90));
  EXPECT_STATUS(Upload(store_, 1, 0, 50, 20), absl::StatusCode::kResourceExhausted, "in progress");
  clock_.Advance(absl::Minutes(6));
  EXPECT_OK(Upload(store_, 1, 0, 50, 20));
  EXPECT_EQ(store_.counts().upload_bytes, 20);
  EXPECT_STATUS(Upload(store_, 0, 90, 200, 10), absl::StatusCode::kOutOfRange, "received so far: 0");
}

TEST_F(BlobStoreTest, AWorkloadThatDoesNotHashToItsIdIsRefused) {
  uint64_t received = 0;
  EXPECT_STATUS(store_.Write(BlobKind::kWorkload, Id(1), 0, 3, "abc", received), absl::StatusCode::kInvalidArgument,
                "does not match");
  EXPECT_OK(store_.Write(BlobKind::kWorkload, WorkloadId("abc"), 0, 3, "abc", received));
}

}  // namespace
}  // namespace hone
