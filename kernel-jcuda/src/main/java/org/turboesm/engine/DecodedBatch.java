package org.turboesm.engine;

/**
 * What decoding a batch gives.
 *
 * @param hidden [tokens, hidden], the last hidden states of all tokens, prefilled and decoded
 * @param cacheBytes [sequences], what each protein's cache takes at its end
 */
public record DecodedBatch(float[] hidden, long[] cacheBytes) {}
