package org.turboesm.job.schema;

import static org.apache.spark.sql.types.DataTypes.BooleanType;
import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.FloatType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;
import static org.apache.spark.sql.types.DataTypes.createArrayType;
import static org.apache.spark.sql.types.DataTypes.createMapType;

import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.StructType;

/** The schema of every Parquet file that the job writes, and of the proteins that it reads. */
public final class OutputSchema {
  private static final ArrayType FLOATS = createArrayType(FloatType, false);
  private static final ArrayType DOUBLES = createArrayType(DoubleType, false);
  private static final ArrayType LONGS = createArrayType(LongType, false);

  /** The partition column of embeddings, last in their schema. */
  public static final String MODE = "mode";

  /**
   * What ingest hands on, a row a protein, ids unique. Internal: never written as it is.
   *
   * <ul>
   *   <li>{@code description} is empty where the input has none;
   *   <li>{@code sequence} is upper-case residues of the vocabulary, nothing else;
   *   <li>{@code sha256} is that of {@code sequence}, in lower-case hexadecimal;
   *   <li>{@code nonstandard} counts the residues that were replaced by X; an X that the input has
   *       is not counted.
   * </ul>
   */
  public static final StructType PROTEINS =
      new StructType()
          .add("id", StringType, false)
          .add("description", StringType, false)
          .add("sequence", StringType, false)
          .add("sha256", StringType, false)
          .add("length", IntegerType, false)
          .add("nonstandard", IntegerType, false)
          .add("file", StringType, false);

  /**
   * A row a protein and mode that was scored. The figures of the logits are null where the model
   * has no language-model head.
   *
   * <ul>
   *   <li>{@code prefix_tokens} is how many tokens were prefilled, for mode {@code decode}; 0 else.
   *   <li>The arrays of attention hold a value a layer, of the attention output.
   *   <li>{@code head_nmse} holds an array a layer, a value a head: squared error that the head
   *       alone leaves after W_o, on true inputs, over the squared length that {@code
   *       attention_nmse} is over. Heads' errors can cancel or add up, so theirs need not sum to
   *       the layer's.
   *   <li>{@code position_tokens} and {@code position_cosine} hold a value a bin of positions, 1,
   *       2-3, 4-7 and so on to 2^13 and above: tokens compared, and the mean cosine of their last
   *       hidden state, NaN in a bin of no tokens. Positions count the decoded tokens from 1 on in
   *       mode {@code decode}, and all tokens of the protein, {@code <cls>} at 1, in {@code turbo}.
   * </ul>
   */
  public static final StructType FIDELITY =
      new StructType()
          .add("id", StringType, false)
          .add("sha256", StringType, false)
          .add("length", IntegerType, false)
          .add(MODE, StringType, false)
          .add("prefix_tokens", IntegerType, false)
          .add("attention_cosine_mean", DOUBLES, false)
          .add("attention_cosine_p1", DOUBLES, false)
          .add("attention_cosine_min", DOUBLES, false)
          .add("attention_nmse", DOUBLES, false)
          .add("head_nmse", createArrayType(DOUBLES, false), false)
          .add("accumulated_attention_cosine_mean", DOUBLES, false)
          .add("accumulated_attention_cosine_p1", DOUBLES, false)
          .add("accumulated_attention_cosine_min", DOUBLES, false)
          .add("accumulated_attention_nmse", DOUBLES, false)
          .add("hidden_cosine_mean", DoubleType, false)
          .add("hidden_cosine_p1", DoubleType, false)
          .add("hidden_cosine_min", DoubleType, false)
          .add("hidden_nmse", DoubleType, false)
          .add("position_tokens", LONGS, false)
          .add("position_cosine", DOUBLES, false)
          .add("embedding_cosine", DoubleType, false)
          .add("embedding_nmse", DoubleType, false)
          .add("kl", DoubleType, true)
          .add("top1_agreement", DoubleType, true)
          .add("pseudo_perplexity", DoubleType, true)
          .add("reference_pseudo_perplexity", DoubleType, true)
          .add("kv_bytes_fp32", LongType, false)
          .add("kv_bytes_fp16", LongType, false)
          .add("kv_bytes_packed", LongType, false);

  /**
   * A row a record that has no embedding. {@code code} is the name of a {@code RejectCode}; {@code
   * id} is null where the record has none.
   */
  public static final StructType REJECTS =
      new StructType()
          .add("id", StringType, true)
          .add("file", StringType, false)
          .add("code", StringType, false)
          .add("detail", StringType, false);

  private OutputSchema() {}

  /** A row a protein and mode ({@code encode}, {@code turbo}, {@code decode}). */
  public static StructType embeddings(EmbeddingColumns optional) {
    StructType schema =
        new StructType()
            .add("id", StringType, false)
            .add("description", StringType, false)
            .add("sha256", StringType, false)
            .add("length", IntegerType, false)
            .add("nonstandard", IntegerType, false)
            .add("truncated", BooleanType, false)
            .add("embedding", FLOATS, false);
    if (optional.cls()) {
      schema = schema.add("cls", FLOATS, false);
    }
    if (optional.residues()) {
      schema = schema.add("residues", createArrayType(FLOATS, false), false);
    }
    if (optional.layers()) {
      schema = schema.add("layer_embeddings", createMapType(IntegerType, FLOATS, false), false);
    }
    return schema.add(MODE, StringType, false);
  }
}
