package org.turboesm.fidelity;

/**
 * What the packed cache costs one protein in one mode. Figures of {@code decode} are of its decoded
 * tokens alone; the prefix is computed in full precision.
 *
 * @param attention on the true inputs of each layer: the error of one layer, not accumulated
 * @param headNmse [layers][heads], on the same inputs: squared error that the head alone leaves
 *     after W_o, over the squared length that {@code attention}'s error is over
 * @param accumulated between the two whole runs: with the error of the layers before
 * @param hiddenCosineMean of the last hidden state, over tokens
 * @param positions of {@code decode} by tokens since the prefill, of {@code turbo} by tokens since
 *     the protein's start; the first is at 1
 * @param kl mean Kullback-Leibler divergence of the residue distributions, in nats; null where the
 *     model has no language-model head, as the next three
 * @param top1Agreement share of tokens whose likeliest token is the same
 * @param pseudoPerplexity see {@link PseudoPerplexity}
 * @param referencePseudoPerplexity the same in full precision
 * @param kvBytesFp32 bytes of the protein's cache as floats
 * @param kvBytesPacked bytes of its packed cache, the tail counted
 */
public record ProteinFidelity(
    AttentionFidelity attention,
    double[][] headNmse,
    AttentionFidelity accumulated,
    double hiddenCosineMean,
    double hiddenCosineP1,
    double hiddenCosineMin,
    double hiddenNmse,
    PositionFidelity positions,
    double embeddingCosine,
    double embeddingNmse,
    Double kl,
    Double top1Agreement,
    Double pseudoPerplexity,
    Double referencePseudoPerplexity,
    long kvBytesFp32,
    long kvBytesFp16,
    long kvBytesPacked) {}
