// How often keys and values leave the range that calibration saw, counted where they are at hand
// already, in packing: a pass then reads nothing twice, and a step of decode launches nothing more.
// RangeTally says which tokens are looked at, ChannelRange what lies outside.
// Option: -DTOKENS_A_LOOK.
//
// ranges: [heads, 2, HEAD_DIM], keys, then values; smallest and largest of what lies inside.
// outside: [heads, 2] counters, or null: nothing is counted.
#pragma once

#include "warp.cuh"

__device__ __forceinline__ bool looks_at(int position) { return position % TOKENS_A_LOOK == 0; }

// A NaN lies outside.
__device__ __forceinline__ bool lies_outside(float2 range, float x) {
  return !(x >= range.x && x <= range.y);
}

// Counts one unit of channels of some of 32 tokens. One warp, a lane a channel.
//
// counter: of the head's keys or values
// ranges: of the unit's channels
// tokens: a bit a token
// values: x.at(channel, token)
template <typename Channels>
__device__ __forceinline__ void count_outside(int* counter, const float2* ranges, int channels,
                                              unsigned tokens, const Channels& values) {
  int lane = threadIdx.x % WARP;
  bool has_channel = lane < channels;
  float2 range = has_channel ? ranges[lane] : make_float2(0.0f, 0.0f);
  int outside = 0;
  for (; tokens != 0; tokens &= tokens - 1) {
    int token = __ffs(static_cast<int>(tokens)) - 1;
    bool is_outside = has_channel && lies_outside(range, values.at(lane, token));
    outside += __popc(__ballot_sync(ALL_LANES, is_outside));
  }
  if (lane == 0 && outside > 0) {
    atomicAdd(counter, outside);
  }
}
