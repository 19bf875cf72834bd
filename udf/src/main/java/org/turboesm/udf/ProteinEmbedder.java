package org.turboesm.udf;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.Calibration;
import org.turboesm.engine.Prefill;
import org.turboesm.esm2.EsmConfig;

/**
 * Embeds the proteins of a DataFrame.
 *
 * <pre>{@code
 * Dataset<Row> embeddings =
 *     ProteinEmbedder.builder(EngineSpec.of("facebook/esm2_t33_650M_UR50D")).build().embed(proteins);
 * }</pre>
 *
 * The input has a string column {@code sequence} of upper-case residues. The output has a row a
 * protein and mode: the input's other columns, {@code embedding} (the mean of the last hidden state
 * over the residues), what else was asked for, and {@code mode}. It is computed partition by
 * partition, streaming; sort rows by length within partitions for even batches. A protein that does
 * not fit the device's memory by itself has one row, of mode {@link #REJECTED} with an empty
 * embedding.
 */
public final class ProteinEmbedder {
  /** In column {@code mode}: the protein does not fit the device's memory in one of the modes. */
  public static final String REJECTED = "rejected";

  private static final String SEQUENCE = "sequence";

  private final EmbedSettings settings;
  private final Calibration calibration;
  private final EmbedCounters counters;

  private ProteinEmbedder(EmbedSettings settings, Calibration calibration, EmbedCounters counters) {
    this.settings = settings;
    this.calibration = calibration;
    this.counters = counters;
  }

  /** Starts an embedder in mode {@code encode}; the model's files are read on this machine. */
  public static Builder builder(EngineSpec engine) {
    return builder(engine, ModelIdentity.read(engine.model()));
  }

  /** The same for a model whose files have been read already. */
  public static Builder builder(EngineSpec engine, ModelIdentity model) {
    return new Builder(engine, model);
  }

  /**
   * @param proteins with a string column {@code sequence}
   * @return computed when it is used, and each time anew
   */
  public Dataset<Row> embed(Dataset<Row> proteins) {
    if (!Arrays.asList(proteins.columns()).contains(SEQUENCE)) {
      throw new TurboEsmException(
          "the proteins have no column \""
              + SEQUENCE
              + "\", only "
              + String.join(", ", proteins.columns()));
    }
    StructType input = proteins.schema();
    StructType output = EmbedPartition.schema(input, SEQUENCE, settings);
    EmbedPartition partition =
        new EmbedPartition(settings, broadcast(proteins), input.fieldIndex(SEQUENCE), counters);
    return ModelStage.of(proteins.sparkSession().sparkContext(), settings.engine())
        .mapPartitions(proteins, partition, output);
  }

  private Broadcast<Calibration> broadcast(Dataset<Row> proteins) {
    if (calibration == null) {
      return null;
    }
    return JavaSparkContext.fromSparkContext(proteins.sparkSession().sparkContext())
        .broadcast(calibration);
  }

  /** Collects what an embedder should do. */
  public static final class Builder {
    private final EngineSpec engine;
    private final ModelIdentity model;
    private List<Mode> modes = List.of(Mode.ENCODE);
    private Calibration calibration;
    private boolean cls;
    private boolean residues;
    private List<Integer> layers = List.of();
    private Prefill prefill = Prefill.parse("0.5");
    private int batchTokens = 8192;
    private EmbedCounters counters;

    private Builder(EngineSpec engine, ModelIdentity model) {
      this.engine = engine;
      this.model = model;
    }

    /** A row each. */
    public Builder modes(List<Mode> modes) {
      this.modes = List.copyOf(modes);
      return this;
    }

    /** What modes turbo and decode pack with; null for none. */
    public Builder calibration(Calibration calibration) {
      this.calibration = calibration;
      return this;
    }

    /** Adds column {@code cls}: the last hidden state of {@code <cls>}. */
    public Builder cls(boolean cls) {
      this.cls = cls;
      return this;
    }

    /** Adds column {@code residues}: the last hidden state of each residue. */
    public Builder residues(boolean residues) {
      this.residues = residues;
      return this;
    }

    /**
     * Adds column {@code layer_embeddings}: the mean embedding of these hidden states, by index.
     *
     * @param layers 0 is the embedding and the number of layers the last; negative counts from the
     *     end, -1 the last; empty for no column
     */
    public Builder layers(List<Integer> layers) {
      this.layers = layers.stream().map(this::resolve).distinct().sorted().toList();
      return this;
    }

    private int resolve(int layer) {
      EsmConfig config = model.config();
      int index = layer < 0 ? config.layers() + 1 + layer : layer;
      if (index < 0 || index > config.layers()) {
        throw new TurboEsmException(
            "layer "
                + layer
                + " is not there: model "
                + model.name()
                + " has hidden states 0 to "
                + config.layers()
                + ", or -1 to "
                + -(config.layers() + 1)
                + " from the end");
      }
      return index;
    }

    /** How much of a protein mode decode prefills; half by default. */
    public Builder prefill(Prefill prefill) {
      this.prefill = prefill;
      return this;
    }

    /** Tokens that are run at once; 8192 by default. */
    public Builder batchTokens(int batchTokens) {
      this.batchTokens = batchTokens;
      return this;
    }

    /** Where to count; nowhere by default. */
    public Builder counters(EmbedCounters counters) {
      this.counters = counters;
      return this;
    }

    /**
     * @throws TurboEsmException if a mode needs a calibration and there is none, or it is of other
     *     weights
     */
    public ProteinEmbedder build() {
      List<Mode> needing = modes.stream().filter(Mode::needsCalibration).toList();
      if (!needing.isEmpty() && calibration == null) {
        throw new TurboEsmException(
            "mode " + needing.get(0).label() + " needs a calibration; fit or read one first");
      }
      if (calibration != null) {
        calibration.requireModel(model.hash());
      }
      return new ProteinEmbedder(
          new EmbedSettings(
              engine, model.hash(), modes, cls, residues, layers, prefill, batchTokens),
          needing.isEmpty() ? null : calibration,
          counters);
    }
  }
}
