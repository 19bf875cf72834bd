package org.turboesm.job.sweep;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.turboesm.calibration.CodecSpec;

/**
 * What one codec costs in one mode: means over the proteins that were measured, unless named
 * otherwise. A figure is null where no protein has it.
 *
 * @param codec its name
 * @param bitsK asked for, bits a key value on average, without the sign
 * @param bitsV asked for, bits a value on average
 * @param sign whether keys carry a sign bit beside
 * @param allotment among which channels bits may move
 * @param allottedBitsK what keys got on average, the sign counted
 * @param allottedBitsV what values got on average
 * @param calibratedOn where the calibration proteins come from
 * @param calibrationProteins how many
 * @param mode turbo or decode
 * @param prefill of mode decode, as given; null in turbo
 * @param proteins measured, none of which calibration saw
 * @param bytesPerTokenHead packed bytes that a token takes in one layer and head
 * @param tableBytes of tables and transforms, once an engine
 * @param compressionFp32 of all caches, tails counted, against floats
 * @param compressionFp16 the same against half precision
 * @param compressionFp32WithTables with tables and transforms counted beside one cache of 1,024
 *     tokens
 * @param nmseMean of the attention output after W_o, on true inputs, mean over layers
 * @param nmseWorstLayer of the worst layer
 * @param cosineMean of the attention output before W_o, on true inputs, mean over layers
 * @param cosineP1 first percentile over tokens, mean over layers
 * @param cosineMin over all tokens, layers and proteins
 * @param accumulatedNmseMean as nmseMean, with the error of the layers before
 * @param accumulatedCosineMean as cosineMean, with the error of the layers before
 * @param hiddenCosineMean of the last hidden state
 * @param embeddingCosineMean of the mean embedding
 * @param embeddingCosineMin of the worst protein
 * @param kl of the residue distributions, in nats
 * @param top1 share of tokens whose likeliest residue is the same
 * @param pseudoPerplexity over the packed cache
 * @param pseudoPerplexityReference in full precision
 * @param pseudoPerplexityChange relative
 * @param nmseByLayer [layers]
 * @param nmseByHead [layers][heads], what each head alone leaves
 * @param positions the last hidden state by tokens since the prefill, or since the protein's start
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record FidelityRow(
    String codec,
    double bitsK,
    double bitsV,
    boolean sign,
    String allotment,
    double allottedBitsK,
    double allottedBitsV,
    String calibratedOn,
    int calibrationProteins,
    String mode,
    String prefill,
    long proteins,
    double bytesPerTokenHead,
    long tableBytes,
    double compressionFp32,
    double compressionFp16,
    double compressionFp32WithTables,
    Double nmseMean,
    Double nmseWorstLayer,
    Double cosineMean,
    @JsonProperty("cosine_p1") Double cosineP1,
    Double cosineMin,
    Double accumulatedNmseMean,
    Double accumulatedCosineMean,
    Double hiddenCosineMean,
    @JsonProperty("hidden_cosine_p1") Double hiddenCosineP1,
    Double hiddenCosineMin,
    Double hiddenNmse,
    Double embeddingCosineMean,
    Double embeddingCosineMin,
    Double kl,
    @JsonProperty("top1") Double top1,
    Double pseudoPerplexity,
    Double pseudoPerplexityReference,
    Double pseudoPerplexityChange,
    List<Double> nmseByLayer,
    List<List<Double>> nmseByHead,
    List<Position> positions) {

  /**
   * One bin of positions.
   *
   * @param from its first position; it ends before twice that
   * @param tokens in it, of all proteins
   * @param cosine mean over these tokens
   */
  public record Position(long from, long tokens, double cosine) {}

  /** The codec and what it was asked for, such as {@code default K3 V3}. */
  public String label() {
    return codec + " K" + CodecSpec.number(bitsK) + " V" + CodecSpec.number(bitsV);
  }
}
