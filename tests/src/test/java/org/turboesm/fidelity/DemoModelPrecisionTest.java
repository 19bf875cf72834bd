package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Pooling;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.esm2.TokenBatch;

/** What bf16 and int8 keep of f32, on the demo model and real proteins. */
@Tag("golden")
class DemoModelPrecisionTest {
  private static final int LONGEST = 600;
  private static final int PROTEINS = 32;

  private static EsmWeights weights;
  private static EsmEngine full;
  private static List<String> proteins;

  @BeforeAll
  static void open() throws IOException {
    weights = EsmWeights.open(ModelLocator.locate(ModelLocator.DEMO));
    full = EsmEngines.open("cpu", "f32", weights);
    proteins = RealProteins.upTo(LONGEST).subList(0, PROTEINS);
  }

  @AfterAll
  static void close() {
    full.close();
    weights.close();
  }

  @Test
  void int8KeepsEveryProteinsMeanEmbedding() {
    assertThat(smallestCosine("int8")).isGreaterThanOrEqualTo(0.999).isLessThan(1);
  }

  @Test
  void int8KeepsPseudoPerplexity() {
    double perplexity = pseudoPerplexity(full);
    try (EsmEngine engine = EsmEngines.open("cpu", "int8", weights)) {
      assertThat(pseudoPerplexity(engine)).isCloseTo(perplexity, within(0.005 * perplexity));
    }
  }

  @Test
  void bf16KeepsEveryProteinsMeanEmbedding() {
    if (EsmEngines.select("cpu").precisions().contains(Precision.BF16)) {
      assertThat(smallestCosine("bf16")).isGreaterThanOrEqualTo(0.9999).isLessThan(1);
    }
  }

  private static double smallestCosine(String precision) {
    double smallest = 1;
    try (EsmEngine engine = EsmEngines.open("cpu", precision, weights)) {
      for (String protein : proteins) {
        smallest = Math.min(smallest, cosine(embed(full, protein), embed(engine, protein)));
      }
    }
    return smallest;
  }

  private static float[] embed(EsmEngine engine, String protein) {
    TokenBatch batch = TokenBatch.of(List.of(EsmTokenizer.tokenize(protein)));
    float[] hidden = engine.encode(batch, ForwardObserver.NONE);
    return Pooling.mean(hidden, 0, batch.size(), engine.config().hiddenSize());
  }

  private static double cosine(float[] a, float[] b) {
    double product = 0;
    double squareA = 0;
    double squareB = 0;
    for (int i = 0; i < a.length; i++) {
      product += (double) a[i] * b[i];
      squareA += (double) a[i] * a[i];
      squareB += (double) b[i] * b[i];
    }
    return product / Math.sqrt(squareA * squareB);
  }

  private static double pseudoPerplexity(EsmEngine engine) {
    PseudoPerplexity perplexity = new PseudoPerplexity();
    int vocabulary = engine.config().vocabularySize();
    for (String protein : proteins) {
      int[] tokens = EsmTokenizer.tokenize(protein);
      int[] masked = PseudoPerplexity.masked(tokens);
      float[] hidden = engine.encode(TokenBatch.of(List.of(masked)), ForwardObserver.NONE);
      float[] logits = engine.logits(hidden, tokens.length);
      for (int t = 0; t < tokens.length; t++) {
        if (PseudoPerplexity.isMasked(t, tokens.length)) {
          perplexity.add(logits, t, vocabulary, tokens[t]);
        }
      }
    }
    return perplexity.value();
  }
}
