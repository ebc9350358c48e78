#include "base/codes.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

using namespace weir;

namespace {

/// What docs/http.md promises: each code, its status, and whether another node may fare better.
struct promised {
  ec code;
  const char* name;
  int status;
  bool refusal;
};
constexpr promised all[] = {
  {ec::none, "none", 200, false},
  {ec::malformed_request, "malformed_request", 400, false},
  {ec::malformed_body, "malformed_body", 400, false},
  {ec::unauthorized, "unauthorized", 401, false},
  {ec::forbidden, "forbidden", 403, false},
  {ec::unknown_stream, "unknown_stream", 404, false},
  {ec::method_not_allowed, "method_not_allowed", 405, false},
  {ec::request_timeout, "request_timeout", 408, false},
  {ec::length_required, "length_required", 411, false},
  {ec::body_too_large, "body_too_large", 413, false},
  {ec::unsupported_media_type, "unsupported_media_type", 415, false},
  {ec::expectation_failed, "expectation_failed", 417, false},
  {ec::all_records_rejected, "all_records_rejected", 422, false},
  {ec::key_reused, "key_reused", 422, false},
  {ec::head_too_large, "head_too_large", 431, false},
  {ec::saturated, "saturated", 503, true},
  {ec::rate_limited, "rate_limited", 429, false},
  {ec::draining, "draining", 503, true},
  {ec::stage_away, "stage_away", 503, true},
  {ec::journal_full, "journal_full", 503, true},
  {ec::storage_failed, "storage_failed", 503, true},
  {ec::deadline_exceeded, "deadline_exceeded", 503, false},
  {ec::out_of_turn, "out_of_turn", 503, false},
  {ec::crashed, "crashed", 503, false},
  {ec::restart_limit_reached, "restart_limit_reached", 503, false},
  {ec::worker_hung, "worker_hung", 503, false},
  {ec::journal_corrupt, "journal_corrupt", 503, false},
  {ec::sink_unavailable, "sink_unavailable", 503, false},
  {ec::invalid_config, "invalid_config", 503, false},
  {ec::io_failed, "io_failed", 503, false},
};

} // namespace

TEST(codes, each_has_its_name_its_status_and_whether_it_may_pass_elsewhere) {
  std::set<std::string_view> names;
  for (const auto& one : all) {
    EXPECT_EQ(to_string(one.code), one.name);
    EXPECT_EQ(http_status(one.code), one.status) << one.name;
    EXPECT_EQ(is_refusal(one.code), one.refusal) << one.name;
    names.insert(one.name);
  }
  for (int code = 0; code < 256; ++code)
    if (const auto name = to_string(static_cast<ec>(code)); name != "unknown_code") {
      EXPECT_TRUE(names.contains(name)) << "add it above: " << name;
    }
}

TEST(codes, each_reason_for_a_rejection_has_the_name_that_clients_and_metrics_know) {
  const std::map<reject, std::string_view> expected{
    {reject::malformed_json, "malformed_json"},
    {reject::not_an_object, "not_an_object"},
    {reject::invalid_utf8, "invalid_utf8"},
    {reject::too_deep, "too_deep"},
    {reject::record_too_large, "record_too_large"},
    {reject::malformed_csv, "malformed_csv"},
    {reject::ragged_row, "ragged_row"},
    {reject::schema_violation, "schema_violation"},
    {reject::transform_failed, "transform_failed"},
    {reject::quarantined, "quarantined"}};
  for (const auto& [code, name] : expected)
    EXPECT_EQ(to_string(code), name);
  EXPECT_EQ(expected.size() + 1, size_t{reject_codes});
}
