// WORKLOAD: the records of a request as text, and what a worker meets in them.
#pragma once

#include "records/catalog.hpp"
#include "tests/simulation/plan.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace weir::simulation {

/// Unique in the run.
inline uint64_t record_id(const request_plan& request, size_t record) noexcept {
  return uint64_t{request.number} * 1000 + record;
}

/// The record as the client sends it.
std::string record_text(const request_plan& request, size_t record);
/// As the sink should have it, by the first rules or by the other ones.
std::string stored_text(const request_plan& request, size_t record, bool other_rules);
/// The body with the request's first `records`.
std::string body_of(const request_plan& request, size_t records);

/// The id in a stored or quarantined record; 0: there is none.
uint64_t id_in(std::string_view text) noexcept;

enum class stage_name : char { validate = 'v', transform = 't' };

/// What a record does to a worker.
struct mischief {
  char what = 'c'; ///< c: it throws. h: it hangs
  char mark = 'm'; ///< m: the worker's mark is right, n: there is none, w: it is wrong
};
std::optional<mischief> mischief_in(std::string_view text, stage_name stage) noexcept;

/// Streams `plain` and `checked`; the other rules leave another mark in each record of `checked`.
/// Made once; immutable.
catalog_ptr simulation_catalog(bool other_rules);

} // namespace weir::simulation
