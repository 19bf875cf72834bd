package org.turboesm.calibration;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.calibration.CodecRecipe.Trait;

/**
 * Fits a layer's coordinates. Error weights are scaled so that a squared error in the coordinates,
 * averaged over tokens as they are weighed, is what it costs: with importance, in shares of the
 * attention output's squared length, a protein on average; so keys and values, heads and layers can
 * be compared.
 */
final class TransformFit {
  private final CodecRecipe recipe;
  private final MomentAccumulator moments;
  private final boolean important;

  TransformFit(CodecRecipe recipe, MomentAccumulator moments) {
    this.recipe = recipe;
    this.moments = moments;
    this.important = recipe.has(Trait.IMPORTANCE);
  }

  /**
   * The maps of all heads.
   *
   * @param grams [heads][headDim * headDim], W_o,h^T W_o,h
   */
  LayerTransforms layer(double[][] grams) {
    List<HeadTransform> heads = new ArrayList<>();
    for (int h = 0; h < grams.length; h++) {
      CoordinateFit keys = keys(h);
      CoordinateFit values = values(h, grams[h]);
      heads.add(
          new HeadTransform(
              keys.map(),
              keys.dual(),
              values.map(),
              values.back(),
              keys.scales(),
              values.scales()));
    }
    return new LayerTransforms(heads, moments.tokens());
  }

  /** Errors of keys weigh as the queries that meet them: E[q q^T]. */
  private CoordinateFit keys(int head) {
    SecondMoments queries = moments.queries(important);
    double share = important ? queries.weight(head) / moments.proteins() : 1;
    double[][] weight = SymmetricMatrix.scaled(queries.moment(head), share);
    return fit(
        recipe.keys(),
        SymmetricMatrix.shrunk(weight, shrinkage(weight.length, queries.vectors(head))),
        moments.keys(important),
        head);
  }

  /** Errors of values weigh as W_o takes them: W_o^T W_o. */
  private CoordinateFit values(int head, double[] gram) {
    SecondMoments values = moments.values(important);
    double share =
        important ? values.weight(head) / moments.proteins() / TokenImportance.scale(gram) : 1;
    int headDim = values.mean(head).length;
    double[][] weight = new double[headDim][headDim];
    for (int i = 0; i < headDim; i++) {
      for (int j = 0; j < headDim; j++) {
        weight[i][j] = share * gram[i * headDim + j];
      }
    }
    return fit(recipe.values(), weight, values, head);
  }

  private CoordinateFit fit(
      Coordinates coordinates, double[][] weight, SecondMoments vectors, int head) {
    int size = weight.length;
    boolean centred = recipe.has(Trait.CENTRED);
    double[] mean = centred ? vectors.mean(head) : new double[size];
    double[][] spread = SymmetricMatrix.covariance(vectors.moment(head), mean);
    if (centred || coordinates == Coordinates.ERROR_WEIGHTED) {
      spread = SymmetricMatrix.shrunk(spread, shrinkage(size, vectors.vectors(head)));
    }
    double meanWeight = SymmetricMatrix.trace(weight) / size;
    double factor = important && meanWeight > CoordinateFit.NOTHING ? Math.sqrt(meanWeight) : 1;
    return switch (coordinates) {
      case ERROR_WEIGHTED -> {
        CoordinateFit weighted = CoordinateFit.weighted(weight, spread, mean);
        yield recipe.oneScale() ? weighted.withOneScale() : weighted;
      }
      case PRINCIPAL ->
          CoordinateFit.rotated(
              SymmetricMatrix.eigen(spread).vectors(), factor, spread, mean, recipe.oneScale());
      case HADAMARD ->
          CoordinateFit.rotated(
              HadamardMatrix.orthonormal(size), factor, spread, mean, recipe.oneScale());
      case PLAIN ->
          CoordinateFit.rotated(
              SymmetricMatrix.identity(size), factor, spread, mean, recipe.oneScale());
    };
  }

  /**
   * How much of the correlations is left out: they are estimates from so many vectors, of full rank
   * only from headDim of them on.
   */
  private static double shrinkage(int headDim, long vectors) {
    return headDim / (double) (headDim + vectors);
  }
}
