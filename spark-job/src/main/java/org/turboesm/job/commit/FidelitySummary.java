package org.turboesm.job.commit;

import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * Means, over the proteins that were measured, of what the packed cache costs in one mode.
 *
 * @param attentionCosine of the layers' attention outputs on true inputs, mean over layers
 * @param attentionCosineByLayer the same, a value a layer
 * @param accumulatedCosine the same between the two whole runs
 * @param kl in nats; null where the model has no language-model head, as the next three
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record FidelitySummary(
    long proteins,
    double attentionCosine,
    double attentionNmse,
    double[] attentionCosineByLayer,
    double[] attentionNmseByLayer,
    double accumulatedCosine,
    double accumulatedNmse,
    double hiddenCosine,
    double hiddenNmse,
    double embeddingCosine,
    double embeddingNmse,
    Double kl,
    Double top1Agreement,
    Double pseudoPerplexity,
    Double referencePseudoPerplexity) {}
