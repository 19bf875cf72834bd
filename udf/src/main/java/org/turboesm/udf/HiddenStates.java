package org.turboesm.udf;

import java.util.Map;
import org.turboesm.kv.RangeCounts;

/**
 * What one pass over a batch gives.
 *
 * @param means each protein's mean embedding, [sequences, hidden]
 * @param last the last hidden state, [tokens, hidden]; null where nothing but the means is asked
 *     for
 * @param byLayer the hidden states asked for, by index, each [tokens, hidden]
 * @param kvBytesPacked of all the batch's caches; 0 where nothing is packed
 * @param range how often keys and values left the calibrated range; nothing where none is packed
 */
record HiddenStates(
    float[] means,
    float[] last,
    Map<Integer, float[]> byLayer,
    long kvBytesPacked,
    RangeCounts range) {}
