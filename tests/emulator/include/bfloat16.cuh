// The kernels' bfloat16.cuh for the emulator: the same functions without PTX.
#pragma once

struct bfloat16 {
  unsigned short bits;
};

// Rounds to nearest, ties to even; any NaN becomes 0x7FFF, as cvt.rn.bf16.f32 has it.
inline bfloat16 to_bfloat16(float x) {
  unsigned bits = __float_as_uint(x);
  if (x != x) {
    return {0x7FFF};
  }
  return {static_cast<unsigned short>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
}

inline float to_float(bfloat16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }

inline unsigned to_bfloat16_pair(float low, float high) {
  return to_bfloat16(low).bits | (static_cast<unsigned>(to_bfloat16(high).bits) << 16);
}

inline float low_of_pair(unsigned pair) { return __uint_as_float(pair << 16); }

inline float high_of_pair(unsigned pair) { return __uint_as_float(pair & 0xFFFF0000u); }
