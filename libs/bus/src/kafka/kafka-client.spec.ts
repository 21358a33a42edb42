import { createKafka } from './kafka-client.ts';

describe('what a client of Kafka is told about TLS', () => {
  const kafkaBrokers = '127.0.0.1:9';
  const refusal = (config: object): string => {
    try {
      createKafka({ kafkaBrokers, ...config }, 'test');
      return '';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  it('goes without, with the authority alone, or with both halves of a certificate', () => {
    expect(refusal({})).toBe('');
    expect(refusal({ kafkaTls: true })).toBe('');
    expect(refusal({ kafkaTls: true, kafkaAuthorityFile: '/dev/null' })).toBe('');
    expect(refusal({ kafkaTls: true, kafkaCertificateFile: '/dev/null', kafkaKeyFile: '/dev/null' })).toBe('');
  });

  it('is refused when it does not go together', () => {
    expect(refusal({ kafkaTls: true, kafkaCertificateFile: '/dev/null' })).toBe('kafka_tls_invalid');
    expect(refusal({ kafkaTls: true, kafkaKeyFile: '/dev/null' })).toBe('kafka_tls_invalid');
    expect(refusal({ kafkaAuthorityFile: '/dev/null' })).toBe('kafka_tls_invalid');
    expect(refusal({ kafkaCertificateFile: '/dev/null', kafkaKeyFile: '/dev/null' })).toBe('kafka_tls_invalid');
    expect(refusal({ kafkaTls: true, kafkaCertificateFile: '/no/such', kafkaKeyFile: '/no/such' })).toBe(
      'secret_missing',
    );
  });
});
