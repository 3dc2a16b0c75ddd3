// The steps of the schema. One that was released is never changed; what is wrong is mended by another.
#pragma once

#include <vector>

#include "absl/status/status.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace hone {

struct SchemaStep {
  const char* sql;
  // Moves rows that SQL cannot, after `sql`; may be null.
  absl::Status (*move_rows)(pqxx::transaction_base& work);
};
const std::vector<SchemaStep>& SchemaSteps();

}  // namespace hone
