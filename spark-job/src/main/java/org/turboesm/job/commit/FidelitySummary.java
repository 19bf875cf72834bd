package org.turboesm.job.commit;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * Means, over the proteins that were measured, of what the packed cache costs in one mode. A figure
 * is null where no protein has it: those of the logits without a language-model head, those of mode
 * decode where every protein was prefilled as a whole.
 *
 * @param proteins rows of the measurement
 * @param attentionCosine of the layers' attention outputs on true inputs, mean over layers
 * @param attentionCosineByLayer the same, a value a layer
 * @param accumulatedCosine the same between the two whole runs
 * @param kl in nats
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record FidelitySummary(
    long proteins,
    Double attentionCosine,
    Double attentionNmse,
    List<Double> attentionCosineByLayer,
    List<Double> attentionNmseByLayer,
    Double accumulatedCosine,
    Double accumulatedNmse,
    Double hiddenCosine,
    Double hiddenNmse,
    Double embeddingCosine,
    Double embeddingNmse,
    Double kl,
    Double top1Agreement,
    Double pseudoPerplexity,
    Double referencePseudoPerplexity) {}
