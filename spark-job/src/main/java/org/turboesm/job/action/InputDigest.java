package org.turboesm.job.action;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Proteins counted, and hashed so that their order does not matter: each protein's SHA-256, as a
 * number, summed modulo 2^256.
 */
record InputDigest(long proteins, long residues, BigInteger sum) {
  private static final BigInteger MODULUS = BigInteger.ONE.shiftLeft(256);
  private static final InputDigest EMPTY = new InputDigest(0, 0, BigInteger.ZERO);
  private static final StructType PARTIAL =
      new StructType()
          .add("proteins", DataTypes.LongType, false)
          .add("residues", DataTypes.LongType, false)
          .add("sum", DataTypes.BinaryType, false);

  /**
   * @param proteins with columns id, sha256 and length
   */
  static InputDigest of(Dataset<Row> proteins) {
    List<Row> partials =
        proteins
            .select("id", "sha256", "length")
            .mapPartitions(
                (MapPartitionsFunction<Row, Row>) InputDigest::partial, Encoders.row(PARTIAL))
            .collectAsList();
    InputDigest total = EMPTY;
    for (Row partial : partials) {
      BigInteger sum = new BigInteger(1, partial.<byte[]>getAs(2));
      total = total.plus(new InputDigest(partial.getLong(0), partial.getLong(1), sum));
    }
    return total;
  }

  /** SHA-256, in hexadecimal, of the proteins and the number of rejects. */
  String hash(long rejected) {
    MessageDigest digest = sha256();
    digest.update("turboesm input 1".getBytes(StandardCharsets.US_ASCII));
    digest.update(ByteBuffer.allocate(16).putLong(proteins).putLong(rejected).array());
    return HexFormat.of().formatHex(digest.digest(sum.toByteArray()));
  }

  private InputDigest plus(InputDigest more) {
    return new InputDigest(
        proteins + more.proteins, residues + more.residues, sum.add(more.sum).mod(MODULUS));
  }

  private static Iterator<Row> partial(Iterator<Row> rows) {
    MessageDigest digest = sha256();
    InputDigest total = EMPTY;
    while (rows.hasNext()) {
      Row row = rows.next();
      byte[] id = row.getString(0).getBytes(StandardCharsets.UTF_8);
      digest.update(ByteBuffer.allocate(4).putInt(id.length).array());
      digest.update(id);
      digest.update(row.getString(1).getBytes(StandardCharsets.US_ASCII));
      total = total.plus(new InputDigest(1, row.getInt(2), new BigInteger(1, digest.digest())));
    }
    return List.of(RowFactory.create(total.proteins, total.residues, total.sum.toByteArray()))
        .iterator();
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
